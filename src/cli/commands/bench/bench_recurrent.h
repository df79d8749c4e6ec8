// qkv bench recurrent.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_recurrent_bench(CLI::App& bench);

}  // namespace qkv
