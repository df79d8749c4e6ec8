# cmake -D BUILD=... -D SOURCE=... -P: installs into a temporary prefix, builds examples/ against it there and runs them.
set(work ${BUILD}/installed_package)
file(REMOVE_RECURSE ${work})

function(run)
  execute_process(COMMAND ${ARGN} COMMAND_ECHO STDOUT COMMAND_ERROR_IS_FATAL ANY)
endfunction()

set(launcher "")
if(LAUNCHER)
  set(launcher -D CMAKE_CXX_COMPILER_LAUNCHER=${LAUNCHER})
endif()
file(REMOVE ${BUILD}/libqkv.a)  # as after building the program alone: installing builds it
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${work}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE}/examples -B ${work}/build -G Ninja -D CMAKE_PREFIX_PATH=${work}/prefix
    -D CMAKE_CXX_COMPILER=${CXX} ${launcher} -D CMAKE_BUILD_TYPE=Release)
run(${CMAKE_COMMAND} --build ${work}/build)
run(${CMAKE_CTEST_COMMAND} --test-dir ${work}/build --output-on-failure)
run(${work}/prefix/bin/qkv --version)
