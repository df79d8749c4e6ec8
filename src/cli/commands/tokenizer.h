// The subcommands of `qkv tokenizer`.
#pragma once

#include <CLI/CLI.hpp>

namespace qkv {

void add_tokenizer_train(CLI::App& tokenizer);
void add_tokenizer_encode(CLI::App& tokenizer);
void add_tokenizer_decode(CLI::App& tokenizer);
void add_tokenizer_inspect(CLI::App& tokenizer);
void add_tokenizer_compare(CLI::App& tokenizer);

}  // namespace qkv
