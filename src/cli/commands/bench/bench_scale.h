// qkv bench scale.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_scale_bench(CLI::App& bench);

}  // namespace qkv
