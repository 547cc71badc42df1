# What `cmake --install` installs, in three components: server, cli, and dev (the C++ client library).
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

set(package_dir ${CMAKE_CURRENT_LIST_DIR})
set(package_build_dir ${PROJECT_BINARY_DIR}/package)

# --- the client library -----------------------------------------------------------------------------------------------

set_target_properties(jobstatus_client PROPERTIES EXPORT_NAME client)
set_target_properties(job_status_proto PROPERTIES EXPORT_NAME proto OUTPUT_NAME jobstatus_proto)

install(TARGETS jobstatus_client job_status_proto EXPORT jobstatus ARCHIVE COMPONENT dev)
install(DIRECTORY client/cpp/include/jobstatus TYPE INCLUDE COMPONENT dev)
install(FILES ${PROJECT_BINARY_DIR}/proto/comfyui/jobstatus/v1/job_status.pb.h
        DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/comfyui/jobstatus/v1 COMPONENT dev)
install(FILES proto/comfyui/jobstatus/v1/job_status.proto # for callers in other languages
        DESTINATION ${CMAKE_INSTALL_DATADIR}/jobstatus/proto/comfyui/jobstatus/v1 COMPONENT dev)
foreach(file annotations http) # which it imports
  install(FILES ${PROJECT_BINARY_DIR}/proto/google/api/${file}.pb.h
          DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/google/api COMPONENT dev)
  install(FILES proto/google/api/${file}.proto
          DESTINATION ${CMAKE_INSTALL_DATADIR}/jobstatus/proto/google/api COMPONENT dev)
endforeach()

set(config_dir ${CMAKE_INSTALL_LIBDIR}/cmake/jobstatus)
install(EXPORT jobstatus NAMESPACE jobstatus:: FILE jobstatusTargets.cmake DESTINATION ${config_dir} COMPONENT dev)
configure_package_config_file(${package_dir}/jobstatusConfig.cmake.in ${package_build_dir}/jobstatusConfig.cmake
                              INSTALL_DESTINATION ${config_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${package_build_dir}/jobstatusConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${package_build_dir}/jobstatusConfig.cmake ${package_build_dir}/jobstatusConfigVersion.cmake
        DESTINATION ${config_dir} COMPONENT dev)

# From where it lies to the prefix, so that the tree may be installed or moved anywhere.
file(RELATIVE_PATH prefix_from_pc /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
configure_file(${package_dir}/jobstatus.pc.in ${package_build_dir}/jobstatus.pc @ONLY)
install(FILES ${package_build_dir}/jobstatus.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT dev)

# --- the programs -----------------------------------------------------------------------------------------------------

install(TARGETS jobstatus RUNTIME COMPONENT cli)
if(TARGET jobstatus-server)
  install(TARGETS jobstatus-server RUNTIME COMPONENT server)
endif()

# --- man pages and completions ----------------------------------------------------------------------------------------

# Made from what --help of the built programs says, so that they cannot say anything else.
find_package(Python3 COMPONENTS Interpreter)

# add_docs(PROGRAM SECTION COMPONENT)
function(add_docs program section component)
  set(docs ${package_build_dir}/docs)
  set(files ${docs}/${program}.${section} ${docs}/${program}.bash ${docs}/${program}.fish ${docs}/_${program})
  add_custom_command(
    OUTPUT ${files}
    COMMAND ${Python3_EXECUTABLE} ${package_dir}/docs.py $<TARGET_FILE:${program}> ${section}
            ${package_dir}/${program}.${section}.roff ${docs}
    DEPENDS ${program} ${package_dir}/docs.py ${package_dir}/${program}.${section}.roff
    VERBATIM)
  add_custom_target(${program}_docs ALL DEPENDS ${files})
  install(FILES ${docs}/${program}.${section} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} COMPONENT ${component})
  set(data ${CMAKE_INSTALL_DATADIR})
  install(FILES ${docs}/${program}.bash DESTINATION ${data}/bash-completion/completions RENAME ${program} COMPONENT ${component})
  install(FILES ${docs}/${program}.fish DESTINATION ${data}/fish/vendor_completions.d COMPONENT ${component})
  install(FILES ${docs}/_${program} DESTINATION ${data}/zsh/vendor-completions COMPONENT ${component})
endfunction()

if(Python3_FOUND AND NOT CMAKE_CROSSCOMPILING)
  add_docs(jobstatus 1 cli)
  if(TARGET jobstatus-server)
    add_docs(jobstatus-server 8 server)
  endif()
else()
  message(STATUS "no man pages and completions: they need Python, and programs that run here")
endif()

# --- how the server is run --------------------------------------------------------------------------------------------

# The unit names paths below the prefix, which is known only when it is installed. What is for /usr is configured in /etc.
if(TARGET jobstatus-server)
  install(CODE "set(package_dir [[${package_dir}]])" COMPONENT server)
  install(SCRIPT ${package_dir}/InstallService.cmake COMPONENT server)
endif()

install(FILES ${package_dir}/debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/jobstatus COMPONENT cli)
install(FILES ${package_dir}/debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/libjobstatus-dev COMPONENT dev)
if(TARGET jobstatus-server)
  install(FILES ${package_dir}/debian/copyright DESTINATION ${CMAKE_INSTALL_DATADIR}/doc/jobstatus-server COMPONENT server)
endif()

include(package/Deb)
