# What every target of ours is built with, as targets that others link:
#   compile_options           warnings as errors, and the sanitizers if any
#   compile_options_sanitize  the sanitizers alone, for generated code

set(CMAKE_CXX_STANDARD 23)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

find_program(ccache ccache)
if(ccache AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  # Without these it leaves alone what has precompiled headers.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${ccache})
endif()

add_library(compile_options_sanitize INTERFACE)
if(JOBSTATUS_SANITIZE)
  target_compile_options(compile_options_sanitize INTERFACE -fsanitize=${JOBSTATUS_SANITIZE} -fno-sanitize-recover=all
                                                            -fno-omit-frame-pointer)
  target_link_options(compile_options_sanitize INTERFACE -fsanitize=${JOBSTATUS_SANITIZE})
endif()

add_library(compile_options INTERFACE)
if(JOBSTATUS_SANITIZE STREQUAL "thread")
  # Asio's fences, which ThreadSanitizer does not see; its queues are guarded by mutexes, which it does see.
  target_compile_options(compile_options INTERFACE -Wno-tsan)
endif()
target_compile_options(compile_options INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wnon-virtual-dtor
                                                 -Woverloaded-virtual -Werror
                                                 # designated initialisers that name only what differs are meant
                                                 -Wno-missing-field-initializers)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  target_compile_options(compile_options INTERFACE -fpch-preprocess) # for ccache, as above
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND CMAKE_CXX_COMPILER_VERSION VERSION_LESS 13)
  target_compile_options(compile_options INTERFACE
    -Wno-restrict -Wno-stringop-overflow -Wno-array-bounds # false alarms on std::string (GCC bug 105651)
    -Wno-maybe-uninitialized # and on aggregates and std::regex (GCC bug 105562)
    -Wno-mismatched-new-delete) # and on the frames of coroutines, which Asio allocates by its own operators
endif()
if(CMAKE_UNITY_BUILD)
  # The file is one that includes others, which GCC takes for headers: there, what has no linkage would be wrong.
  target_compile_options(compile_options INTERFACE -Wno-subobject-linkage)
endif()
target_link_libraries(compile_options INTERFACE compile_options_sanitize)
