# Run by `cmake --install` and CPack: the systemd unit and the file with its settings. The unit is written where it is
# to be, and not first into the build tree, where another installation could be doing the same for another prefix.
if(CMAKE_INSTALL_PREFIX STREQUAL "/usr")
  set(etc /etc)
else()
  set(etc ${CMAKE_INSTALL_PREFIX}/etc)
endif()
set(unit ${CMAKE_INSTALL_PREFIX}/lib/systemd/system/jobstatus-server.service)
message(STATUS "Installing: $ENV{DESTDIR}${unit}")
configure_file(${package_dir}/jobstatus-server.service.in $ENV{DESTDIR}${unit} @ONLY)
list(APPEND CMAKE_INSTALL_MANIFEST_FILES ${unit})
file(INSTALL ${package_dir}/jobstatus-server.default DESTINATION ${etc}/default RENAME jobstatus-server)
