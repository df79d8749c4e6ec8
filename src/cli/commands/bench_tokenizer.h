// The part of `qkv bench` about tokenizers.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_tokenizer_bench(CLI::App& bench);

}  // namespace qkv
