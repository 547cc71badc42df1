# Run by `cmake --install` and CPack: the systemd unit and the file with its settings.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(etc /etc)
else()
  set(etc ${CMAKE_INSTALL_PREFIX}/etc)
endif()
configure_file(${package_dir}/jobstatus-server.service.in ${package_build_dir}/jobstatus-server.service @ONLY)
file(INSTALL ${package_build_dir}/jobstatus-server.service DESTINATION ${CMAKE_INSTALL_PREFIX}/lib/systemd/system)
file(INSTALL ${package_dir}/jobstatus-server.default DESTINATION ${etc}/default RENAME jobstatus-server)
