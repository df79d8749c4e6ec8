#include "cli/environment.h"

#include <array>
#include <cstdlib>

#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "kernels/kernel_table.h"

namespace qkv {

std::span<const EnvironmentVariable> environment_variables() {
  static constexpr std::array kVariables = {
      EnvironmentVariable{"QKV_THREADS", "Threads to use where --threads is not given; 0 or empty: all cores",
                          [] { default_num_threads(); }},
      EnvironmentVariable{"QKV_ISA",
                          "Instruction set to use at most: baseline, avx2, avx512, avx512_bf16 or amx; empty: the processor's strongest "
                          "(qkv --version lists its sets)",
                          [] { current_isa(); }},
      EnvironmentVariable{"NO_COLOR", "Any value: no colours where they are not asked for", nullptr},
      EnvironmentVariable{"TMPDIR", "Directory of temporary files; empty: /tmp", nullptr},
  };
  return kVariables;
}

void check_environment() {
  for (const EnvironmentVariable& variable : environment_variables()) {
    if (variable.check) variable.check();
  }
}

bool environment_wants_color() {
  const char* refused = std::getenv("NO_COLOR");
  return !refused || !*refused;
}

}  // namespace qkv
