# Tests that cross folders. Unit tests lie beside the code and are added by qkv_folder; they alone carry the label "unit".
file(GLOB integration_tests CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/tests/*_test.cc)
if(integration_tests)
  add_executable(integration_test ${integration_tests})
  target_link_libraries(integration_test PRIVATE qkv_cli GTest::gmock GTest::gtest_main)
  target_compile_definitions(integration_test PRIVATE QKV_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  target_include_directories(integration_test PRIVATE ${PROJECT_SOURCE_DIR})
  target_compile_options(integration_test PRIVATE ${QKV_TEST_OPTIONS})
  if(QKV_PRECOMPILE)
    qkv_precompile(integration_test base_test)
  endif()
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
qkv_python_test(command_line_help ${PROJECT_SOURCE_DIR}/tests/command_line_help_test.py $<TARGET_FILE:qkv>)
qkv_python_test(shell ${PROJECT_SOURCE_DIR}/tests/shell_test.py $<TARGET_FILE:qkv>)
qkv_python_test(training_options ${PROJECT_SOURCE_DIR}/tests/training_options_test.py $<TARGET_FILE:qkv>)
qkv_python_test(guides ${PROJECT_SOURCE_DIR}/tests/guides_test.py $<TARGET_FILE:qkv>)
qkv_python_test(first_hour ${PROJECT_SOURCE_DIR}/tests/first_hour_test.py $<TARGET_FILE:qkv>)
qkv_python_test(embedding ${PROJECT_SOURCE_DIR}/tests/embedding_test.py $<TARGET_FILE:qkv>)
qkv_python_test(heads ${PROJECT_SOURCE_DIR}/tests/heads_test.py $<TARGET_FILE:qkv>)
qkv_python_test(saved_directories ${PROJECT_SOURCE_DIR}/tests/saved_directories_test.py $<TARGET_FILE:qkv>)
set_tests_properties(saved_directories PROPERTIES SKIP_RETURN_CODE 77)
qkv_python_test(chat ${PROJECT_SOURCE_DIR}/tests/chat_test.py $<TARGET_FILE:qkv>)
qkv_python_test(resume_after_kill ${PROJECT_SOURCE_DIR}/tests/resume_after_kill_test.py $<TARGET_FILE:qkv>)
qkv_python_test(processes ${PROJECT_SOURCE_DIR}/tests/processes_test.py $<TARGET_FILE:qkv>)
set_tests_properties(processes PROPERTIES SKIP_RETURN_CODE 77)
qkv_python_test(lab ${PROJECT_SOURCE_DIR}/tests/lab_test.py $<TARGET_FILE:qkv>)
qkv_python_test(playground ${PROJECT_SOURCE_DIR}/tests/playground_test.py $<TARGET_FILE:qkv>)
set_tests_properties(playground PROPERTIES SKIP_RETURN_CODE 77)

# Each fuzz target on its seeds and on some changes of them: one program, in which a target's entry point has its name.
file(GLOB fuzz_targets CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/fuzz/*.cc)
set(fuzz_seeds ${PROJECT_BINARY_DIR}/fuzz-seeds)
qkv_python_test(fuzz_seeds ${PROJECT_SOURCE_DIR}/fuzz/seeds.py ${fuzz_seeds})
set_tests_properties(fuzz_seeds PROPERTIES LABELS unit FIXTURES_SETUP fuzz_seeds)
set(list "")
foreach(source ${fuzz_targets})
  get_filename_component(name ${source} NAME_WE)
  set_source_files_properties(${source} PROPERTIES
                              COMPILE_DEFINITIONS "QKV_SOURCE_DIR=\"${PROJECT_SOURCE_DIR}\";LLVMFuzzerTestOneInput=fuzz_${name}")
  string(APPEND list "QKV_FUZZ_TARGET(${name})\n")
  add_test(NAME fuzz_${name} COMMAND fuzz_replay ${name} ${fuzz_seeds})
  set_tests_properties(fuzz_${name} PROPERTIES LABELS unit FIXTURES_REQUIRED fuzz_seeds)
endforeach()
file(CONFIGURE OUTPUT ${PROJECT_BINARY_DIR}/generated/fuzz_targets.inc CONTENT "${list}")
add_executable(fuzz_replay ${PROJECT_SOURCE_DIR}/tests/fuzz_replay.cc ${fuzz_targets})
target_link_libraries(fuzz_replay PRIVATE qkv_embed qkv_data qkv_chat)
target_include_directories(fuzz_replay PRIVATE ${PROJECT_SOURCE_DIR} ${PROJECT_BINARY_DIR}/generated)
target_compile_options(fuzz_replay PRIVATE ${QKV_TEST_OPTIONS})
add_dependencies(unit_tests fuzz_replay)

# Each form of the installed package is used as a program of somebody else does; the examples are built against it.
qkv_python_test(installed_package ${PROJECT_SOURCE_DIR}/tests/installed_package_test.py ${PROJECT_BINARY_DIR} ${CMAKE_CXX_COMPILER}
                "${CCACHE}")
set_tests_properties(installed_package PROPERTIES RESOURCE_LOCK build)

# scripts/abi compares this library with tests/abi/libqkv.abi: libqkv.so has no debug information, so the files that define public functions
# are compiled once more with it, unoptimized, as only types and signatures count.
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU" AND NOT QKV_SANITIZE)
  file(GLOB interface CONFIGURE_DEPENDS src/api/public_*.cc)
  list(FILTER interface EXCLUDE REGEX "_test\\.cc$")
  add_library(qkv_interface SHARED EXCLUDE_FROM_ALL ${interface} src/chat/chat_template.cc src/text/tokenizer.cc src/text/tokenizer_encoding.cc
              src/text/tokenizer_statistics.cc src/text/training/tokenizer_trainer.cc src/train/trainer.cc src/train/options/presets.cc
              src/view/attention_view.cc src/view/attention_text.cc src/view/attention_svg.cc
              src/view/trace_text.cc src/view/trace_html.cc)
  target_compile_options(qkv_interface PRIVATE -O0 -g)
  target_include_directories(qkv_interface PRIVATE $<TARGET_PROPERTY:qkv_api,INTERFACE_INCLUDE_DIRECTORIES>)
  target_compile_definitions(qkv_interface PRIVATE $<TARGET_PROPERTY:qkv_api,INTERFACE_COMPILE_DEFINITIONS>)
  target_link_options(qkv_interface PRIVATE -Wl,--version-script=${PROJECT_BINARY_DIR}/libqkv.map)
  set_target_properties(qkv_interface PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 0 OUTPUT_NAME qkv SOVERSION ${PROJECT_VERSION_MAJOR}
                                                 LIBRARY_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/interface)
  qkv_python_test(abi ${PROJECT_SOURCE_DIR}/scripts/abi ${PROJECT_BINARY_DIR})
  set_tests_properties(abi PROPERTIES RESOURCE_LOCK build SKIP_RETURN_CODE 77)
endif()
