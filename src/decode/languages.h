// The languages of a multilingual translator: tokens that name them around a source and at the start of a translation.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "decode/search.h"
#include "nn/transformer_config.h"
#include "qkv/tokenizer.h"

namespace qkv {

// Tokens around the tokens of a source.
struct SourceTokens {
  std::vector<int32_t> before, after;
  bool others = false;  // besides those that the tokenizer adds; otherwise it adds none
  bool operator==(const SourceTokens&) const = default;
};

struct Languages {
  SourceTokens source;
  std::optional<int32_t> forced_first;   // the first token of a translation
  std::optional<int32_t> decoder_start;  // the first input of the decoder
  bool operator==(const Languages&) const = default;
};

// The tokens for a translation between two languages, each empty if it was not chosen: the source language is then that of
// tokenizer_config.json or the tokenizer class's default. The class says how languages are named: NllbTokenizer, MBartTokenizer,
// MBart50Tokenizer and M2M100Tokenizer around the source and in the decoder, others by the target's tag in front of the source (<2de>,
// >>deu<<). Returns nullopt if the model has no languages, or not its class's default one, and none was chosen. Throws OptionError if the
// model has no such language.
std::optional<Languages> find_languages(const std::filesystem::path& directory, const Tokenizer& tokenizer, const TransformerConfig& config,
                                        const std::string& from, const std::string& to);

// Applies the target language to a search.
void set_target(const Languages& languages, SearchOptions& search);

}  // namespace qkv
