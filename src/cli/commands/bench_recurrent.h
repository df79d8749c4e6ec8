// The part of `qkv bench` about recurrent layers.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_recurrent_bench(CLI::App& bench);

}  // namespace qkv
