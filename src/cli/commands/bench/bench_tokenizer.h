// qkv bench tokenizer.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_tokenizer_bench(CLI::App& bench);

}  // namespace qkv
