# Every find_package of the project. All are Debian 12 packages; `./dev setup` installs them.

find_package(Threads REQUIRED)

find_package(Protobuf REQUIRED) # before gRPC: Debian's gRPC config package expects its targets
if(NOT JOBSTATUS_SANITIZE STREQUAL "thread")
  set(c-ares_FIND_QUIETLY ON) # gRPC's package looks for it, and goes on well without
  find_package(gRPC CONFIG REQUIRED)
endif()

if(JOBSTATUS_BUILD_SERVER OR JOBSTATUS_BUILD_TESTS)
  find_package(Boost 1.74 REQUIRED) # headers only: Asio for the event loop; Beast for the fake ComfyUI
  find_package(CURL REQUIRED)
  find_package(OpenSSL REQUIRED) # for the WebSocket
  find_package(simdjson CONFIG REQUIRED)
  find_package(fmt CONFIG REQUIRED)
endif()

find_package(CLI11 CONFIG REQUIRED)

if(JOBSTATUS_BUILD_SERVER)
  find_package(spdlog CONFIG REQUIRED)
  find_package(SQLite3 REQUIRED)
  find_library(SYSTEMD_LIBRARY systemd REQUIRED) # libsystemd has no CMake package
  find_package(prometheus-cpp CONFIG REQUIRED)
endif()

if(JOBSTATUS_BUILD_TESTS)
  find_package(GTest CONFIG REQUIRED)
endif()
