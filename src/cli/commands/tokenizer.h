// The subcommands of `qkv tokenizer`.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "qkv/tokenizer.h"

namespace qkv {

void add_tokenizer_train(CLI::App& tokenizer);
void add_tokenizer_encode(CLI::App& tokenizer);
void add_tokenizer_decode(CLI::App& tokenizer);
void add_tokenizer_inspect(CLI::App& tokenizer);
void add_tokenizer_compare(CLI::App& tokenizer);

// Adds --tiktoken-pattern to a command that opens tokenizers.
void add_tiktoken_pattern_option(CLI::App& command, TokenizerLoadOptions& options);

}  // namespace qkv
