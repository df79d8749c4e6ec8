// qkv bench matmul.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_matmul_bench(CLI::App& bench);

}  // namespace qkv
