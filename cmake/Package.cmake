# libqkv has the objects of every folder but the program's. They are position-independent anyway, so that libqkv.so costs a link and no
# compilation. Each form is an install component with its CMake target (qkv::static, qkv::shared) and its qkv.pc; what both need is
# the component `common`.
include(GNUInstallDirs)
include(CMakePackageConfigHelpers)
option(BUILD_SHARED_LIBS "build and install libqkv.so beside libqkv.a" OFF)

add_library(libqkv STATIC)
add_library(libqkv_shared SHARED)
set_target_properties(libqkv PROPERTIES EXPORT_NAME static)
set_target_properties(libqkv_shared PROPERTIES EXPORT_NAME shared VERSION ${PROJECT_VERSION} SOVERSION ${PROJECT_VERSION_MAJOR}
                                               LINK_DEPENDS ${PROJECT_BINARY_DIR}/libqkv.map)
configure_file(${PROJECT_SOURCE_DIR}/cmake/libqkv.map.in ${PROJECT_BINARY_DIR}/libqkv.map @ONLY)
target_link_options(libqkv_shared PRIVATE -Wl,--version-script=${PROJECT_BINARY_DIR}/libqkv.map)
if(NOT QKV_SANITIZE)
  target_link_options(libqkv_shared PRIVATE -Wl,-z,defs)  # a sanitizer's functions are in the program
endif()

# Header-only libraries are compiled in.
get_property(libraries GLOBAL PROPERTY QKV_LIBRARIES)
list(REMOVE_DUPLICATES libraries)
list(REMOVE_ITEM libraries nlohmann_json::nlohmann_json CLI11::CLI11 Boost::headers Eigen3::Eigen)
foreach(target libqkv libqkv_shared)
  foreach(folder IN LISTS QKV_FOLDERS)
    if(NOT folder STREQUAL "cli")
      target_sources(${target} PRIVATE $<TARGET_OBJECTS:qkv_${folder}>)
    endif()
  endforeach()
  set_target_properties(${target} PROPERTIES OUTPUT_NAME qkv)
  target_link_libraries(${target} PRIVATE ${libraries})
  target_include_directories(${target} PUBLIC $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_compile_features(${target} PUBLIC cxx_std_20)
endforeach()

# What libqkv links, as words for qkv.pc. It names no modules (Requires): their compiler flags are none of a user's.
pkg_check_modules(needed REQUIRED QUIET fmt spdlog tomlplusplus protobuf-lite icu-i18n icu-uc libhwy libpcre2-8 oniguruma minizip yaml-0.1)

# Where only some targets were built, what is installed is built first. A target outside of `all` may be older than the sources.
set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/qkv)
function(qkv_install component target)
  set(build "execute_process(COMMAND \"${CMAKE_COMMAND}\" --build \"${PROJECT_BINARY_DIR}\" --target ${target} COMMAND_ERROR_IS_FATAL ANY)")
  if(NOT ARGN)
    set(build "if(NOT EXISTS \"$<TARGET_FILE:${target}>\")\n  ${build}\nendif()")
  endif()
  install(CODE "${build}" COMPONENT ${component} ${ARGN})
  if(component STREQUAL "common")
    install(TARGETS ${target} RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT common)
    return()
  endif()
  install(TARGETS ${target} EXPORT qkv_${component}
          ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component} ${ARGN}
          LIBRARY DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${component} ${ARGN})
  install(EXPORT qkv_${component} FILE qkv_${component}.cmake NAMESPACE qkv:: DESTINATION ${package_dir} COMPONENT ${component} ${ARGN})

  # Found from where qkv.pc lies, as `cmake --install --prefix` may say another prefix. Beside libqkv.a alone, what it links is no private
  # matter: a program has to link it too.
  set(pc_prefix ${CMAKE_INSTALL_PREFIX})
  if(NOT IS_ABSOLUTE ${CMAKE_INSTALL_LIBDIR})
    file(RELATIVE_PATH up /prefix/${CMAKE_INSTALL_LIBDIR}/pkgconfig /prefix)
    string(REGEX REPLACE "/$" "" up ${up})
    set(pc_prefix "\${pcfiledir}/${up}")
  endif()
  cmake_path(APPEND pc_libdir "\${prefix}" ${CMAKE_INSTALL_LIBDIR})
  cmake_path(APPEND pc_includedir "\${prefix}" ${CMAKE_INSTALL_INCLUDEDIR})
  list(JOIN needed_LDFLAGS " " needed)
  set(pc_libs " -Wl,-lc ${needed}")
  set(pc_private_libs "")
  if(component STREQUAL "shared")
    set(pc_libs "")
    set(pc_private_libs " -Wl,-lc ${needed}")
  endif()
  configure_file(${PROJECT_SOURCE_DIR}/cmake/qkv.pc.in ${PROJECT_BINARY_DIR}/${component}/qkv.pc @ONLY)
  install(FILES ${PROJECT_BINARY_DIR}/${component}/qkv.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig COMPONENT ${component} ${ARGN})
endfunction()

qkv_install(common qkv)
qkv_install(static libqkv)
if(BUILD_SHARED_LIBS)
  qkv_install(shared libqkv_shared)
else()
  set_target_properties(libqkv_shared PROPERTIES EXCLUDE_FROM_ALL ON)
  qkv_install(shared libqkv_shared EXCLUDE_FROM_ALL)  # `cmake --install build --component shared` builds it then
endif()
install(FILES ${PROJECT_SOURCE_DIR}/LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT common)
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/qkv DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} COMPONENT common FILES_MATCHING PATTERN "*.h")
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/qkvConfig.cmake.in ${PROJECT_BINARY_DIR}/qkvConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/qkvConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/qkvConfig.cmake ${PROJECT_BINARY_DIR}/qkvConfigVersion.cmake DESTINATION ${package_dir}
        COMPONENT common)

# Man pages and completion scripts, which the program makes from its own option tables.
install(CODE "
  set(made \"${PROJECT_BINARY_DIR}/shell\")
  file(REMOVE_RECURSE \"\${made}\")
  file(MAKE_DIRECTORY \"\${made}/man\")
  execute_process(COMMAND \"$<TARGET_FILE:qkv>\" man --all \"\${made}/man\" COMMAND_ERROR_IS_FATAL ANY)
  foreach(script bash=qkv zsh=_qkv fish=qkv.fish)
    string(REPLACE = \";\" script \"\${script}\")
    list(GET script 0 shell)
    list(GET script 1 name)
    file(MAKE_DIRECTORY \"\${made}/\${shell}\")
    execute_process(COMMAND \"$<TARGET_FILE:qkv>\" completion \${shell} OUTPUT_FILE \"\${made}/\${shell}/\${name}\" COMMAND_ERROR_IS_FATAL ANY)
  endforeach()" COMPONENT common)
install(DIRECTORY ${PROJECT_BINARY_DIR}/shell/man/ DESTINATION ${CMAKE_INSTALL_MANDIR}/man1 COMPONENT common)
install(FILES ${PROJECT_BINARY_DIR}/shell/bash/qkv DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions COMPONENT common)
install(FILES ${PROJECT_BINARY_DIR}/shell/zsh/_qkv DESTINATION ${CMAKE_INSTALL_DATADIR}/zsh/site-functions COMPONENT common)
install(FILES ${PROJECT_BINARY_DIR}/shell/fish/qkv.fish DESTINATION ${CMAKE_INSTALL_DATADIR}/fish/vendor_completions.d COMPONENT common)
