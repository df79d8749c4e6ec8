// The options of commands that translate with a model.
#pragma once

#include <CLI/CLI.hpp>

#include "decode/translator.h"

namespace qkv {

// --beam-size, --length-penalty, --max-length, --max-length-factor, --min-length, --dtype, --truncate, --batch-tokens.
void add_decoding_options(CLI::App& command, TranslatorOptions& options);

// resolve_options, and the search ends with Error(interrupted) after Ctrl-C.
TranslateOptions interruptible_options(const TranslatorOptions& chosen, const Model& model);

// A translation stays on its line, whatever its tokens hold: line ends in it become spaces.
std::string on_one_line(std::string text);

// --dtype f32|bf16|file.
void add_dtype_option(CLI::App& command, InferenceType& dtype);

}  // namespace qkv
