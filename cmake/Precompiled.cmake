# Precompiled headers: what most files include anyway costs 1 to 2 s a file to read. Every folder shares one of the standard library and
# fmt, those compiled with -O1 one with JSON, every test program one with GoogleTest, the commands one with CLI11. kernels/ has none: its
# files differ in instruction sets.
# ccache keeps working with them where it may ignore the time stamps inside.
set(QKV_PRECOMPILED <algorithm> <cstdint> <filesystem> <functional> <memory> <span> <string> <string_view> <utility> <vector>
                    <fmt/format.h>)
if(CCACHE)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()

function(qkv_precompile target first)
  if(target STREQUAL first)
    target_precompile_headers(${target} PRIVATE ${QKV_PRECOMPILED} ${ARGN})
  else()
    target_precompile_headers(${target} REUSE_FROM ${first})
  endif()
endfunction()
