# libqkv, one static library with the objects of every folder but the program's, and its CMake package: find_package(qkv) gives
# the target qkv::qkv with the headers include/qkv.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)

add_library(libqkv STATIC)
set_target_properties(libqkv PROPERTIES OUTPUT_NAME qkv EXPORT_NAME qkv)
foreach(folder IN LISTS QKV_FOLDERS)
  if(NOT folder STREQUAL "cli")
    target_sources(libqkv PRIVATE $<TARGET_OBJECTS:qkv_${folder}>)
  endif()
endforeach()

# Header-only libraries are compiled in; the others a user of the package links too, found by qkvConfig.cmake.
get_property(libraries GLOBAL PROPERTY QKV_LIBRARIES)
list(REMOVE_DUPLICATES libraries)
list(REMOVE_ITEM libraries nlohmann_json::nlohmann_json CLI11::CLI11 Boost::headers Eigen3::Eigen)
target_link_libraries(libqkv PRIVATE ${libraries})
target_include_directories(libqkv PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_compile_features(libqkv PUBLIC cxx_std_20)

# Where only some targets were built, what is installed is built first.
install(CODE "
  if(NOT EXISTS \"$<TARGET_FILE:libqkv>\" OR NOT EXISTS \"$<TARGET_FILE:qkv>\")
    execute_process(COMMAND \"${CMAKE_COMMAND}\" --build \"${PROJECT_BINARY_DIR}\" --target libqkv qkv COMMAND_ERROR_IS_FATAL ANY)
  endif()")
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/qkv)
install(TARGETS libqkv EXPORT qkvTargets ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(TARGETS qkv RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/qkv DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(EXPORT qkvTargets NAMESPACE qkv:: DESTINATION ${package_dir})
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/qkvConfig.cmake.in ${PROJECT_BINARY_DIR}/qkvConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/qkvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/qkvConfig.cmake ${PROJECT_BINARY_DIR}/qkvConfigVersion.cmake DESTINATION ${package_dir})
