# Tests that cross folders. Unit tests lie beside the code and are added by qkv_folder; they alone carry the label "unit".
file(GLOB integration_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.cc)
if(integration_tests)
  add_executable(integration_test ${integration_tests})
  target_link_libraries(integration_test PRIVATE qkv_cli GTest::gmock GTest::gtest_main)
  target_compile_definitions(integration_test PRIVATE QKV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_include_directories(integration_test PRIVATE ${PROJECT_SOURCE_DIR})
  gtest_discover_tests(integration_test DISCOVERY_TIMEOUT 60 PROPERTIES LABELS integration)
endif()

find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(qkv_python_test name)
  add_test(NAME ${name} COMMAND ${Python3_EXECUTABLE} ${ARGN})
  set_tests_properties(${name} PROPERTIES LABELS integration)
endfunction()

qkv_python_test(layers ${PROJECT_SOURCE_DIR}/tools/check_layers.py)
qkv_python_test(layers_self_test ${PROJECT_SOURCE_DIR}/tools/check_layers.py --self-test)
qkv_python_test(command_line ${PROJECT_SOURCE_DIR}/tests/command_line_test.py $<TARGET_FILE:qkv>)
qkv_python_test(resume_after_kill ${PROJECT_SOURCE_DIR}/tests/resume_after_kill_test.py $<TARGET_FILE:qkv>)
qkv_python_test(lab ${PROJECT_SOURCE_DIR}/tests/lab_test.py $<TARGET_FILE:qkv>)

# The examples are built against the installed package, as a user would.
add_test(NAME installed_package
         COMMAND ${CMAKE_COMMAND} -D BUILD=${PROJECT_BINARY_DIR} -D SOURCE=${PROJECT_SOURCE_DIR} -D CXX=${CMAKE_CXX_COMPILER}
                 -D LAUNCHER=${CCACHE} -P ${PROJECT_SOURCE_DIR}/cmake/test_installed_package.cmake)
set_tests_properties(installed_package PROPERTIES LABELS integration)
