# `cpack` makes three .debs, one of each component.
set(JOBSTATUS_MAINTAINER "The ComfyUI Job Status Service authors <maintainers@comfyui-jobstatus.invalid>" CACHE STRING
    "Whom the packages name as their maintainer: whoever makes them for others")
set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME jobstatus)
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "") # each component has its own
set(CPACK_PACKAGE_VERSION ${PROJECT_VERSION})
set(CPACK_PACKAGE_CONTACT ${JOBSTATUS_MAINTAINER})
set(CPACK_PACKAGE_DIRECTORY ${PROJECT_BINARY_DIR}/packages)
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_COMPONENTS_ALL cli dev)
if(TARGET jobstatus-server)
  list(APPEND CPACK_COMPONENTS_ALL server)
endif()

set(CPACK_DEB_COMPONENT_INSTALL ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_RELEASE 1)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON) # which packages the programs need, read from the programs
set(CPACK_DEBIAN_PACKAGE_CONTROL_STRICT_PERMISSION ON)
set(CPACK_DEBIAN_COMPRESSION_TYPE xz)

set(CPACK_DEBIAN_CLI_PACKAGE_NAME jobstatus)
set(CPACK_DEBIAN_CLI_PACKAGE_SECTION utils)
set(CPACK_DEBIAN_CLI_DESCRIPTION
    "asks how ComfyUI jobs are doing
Shows jobs of ComfyUI servers as they change, waits for their end, and lists
them, by asking a job status service (jobstatus-server).")

set(CPACK_DEBIAN_SERVER_PACKAGE_NAME jobstatus-server)
set(CPACK_DEBIAN_SERVER_PACKAGE_SECTION net)
set(CPACK_DEBIAN_SERVER_PACKAGE_RECOMMENDS jobstatus)
set(CPACK_DEBIAN_SERVER_DESCRIPTION
    "tells programs over gRPC how ComfyUI jobs are doing
Watches one or more ComfyUI servers and tells any number of callers the state,
progress and remaining time of their jobs, live. What it told survives restarts.")
set(CPACK_DEBIAN_SERVER_PACKAGE_CONTROL_EXTRA
    "${package_dir}/debian/conffiles;${package_dir}/debian/postinst;${package_dir}/debian/prerm;${package_dir}/debian/postrm")

set(CPACK_DEBIAN_DEV_PACKAGE_NAME libjobstatus-dev)
set(CPACK_DEBIAN_DEV_PACKAGE_SECTION libdevel)
set(CPACK_DEBIAN_DEV_PACKAGE_DEPENDS "libgrpc++-dev, libprotobuf-dev, protobuf-compiler, protobuf-compiler-grpc")
set(CPACK_DEBIAN_DEV_DESCRIPTION
    "C++ client library of the ComfyUI job status service
Asks a job status service how ComfyUI jobs are doing, watches them as they
change over lost connections, and waits for their end. Needs C++23.")

include(CPack)
