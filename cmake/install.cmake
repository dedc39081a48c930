include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

install(TARGETS cleave RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS cleave_lib EXPORT cleave ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
foreach(folder ops graphs partitioner engine)
  install(DIRECTORY ${folder} DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/cleave FILES_MATCHING PATTERN "*.h")
endforeach()
install(DIRECTORY graphs/models DESTINATION ${CMAKE_INSTALL_DATADIR}/cleave)
install(EXPORT cleave NAMESPACE cleave:: DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cleave FILE cleave-targets.cmake)
configure_package_config_file(cmake/cleave-config.cmake.in ${PROJECT_BINARY_DIR}/cleave-config.cmake
  INSTALL_DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cleave)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/cleave-config-version.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/cleave-config.cmake ${PROJECT_BINARY_DIR}/cleave-config-version.cmake
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/cmake/cleave)
