// tokenizer.json, the format of the `tokenizers` library.
//
// Read are: model BPE; normalizers NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend, Sequence; pre-tokenizers
// Metaspace, Whitespace, WhitespaceSplit, Punctuation, Digits, Split, ByteLevel, Sequence; post-processors TemplateProcessing,
// BertProcessing, RobertaProcessing, ByteLevel, Sequence; decoders Metaspace, ByteLevel, Replace, ByteFallback, Fuse, Strip, Sequence.
// Any other kind is Error(unsupported). "truncation" and "padding" are not applied: they concern batches, and transformers sets them anew
// with each call.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "text/bpe_merges.h"
#include "text/tokenizer_parts.h"

namespace qkv {

// Throws Error(bad_input or unsupported) with one line that names `file` and the place in it.
TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file);

// The stages around a trained BPE: NFC, runs of white space to one space, none at the ends; Metaspace, then punctuation on its own;
// `</s>` at the end. Decoding gives back every text that is so normalized and has no characters outside of the alphabet.
std::unique_ptr<Normalizer> trained_normalizer();
std::unique_ptr<PreTokenizer> trained_pre_tokenizer();

// The special tokens of a trained tokenizer; their ids are their places.
inline constexpr std::string_view kEosToken = "</s>";   // 0
inline constexpr std::string_view kUnkToken = "<unk>";  // 1
inline constexpr std::string_view kPadToken = "<pad>";  // 2

// The text of the file for a trained BPE whose first `special_tokens` tokens are special ones, these three first.
std::string trained_tokenizer_json(const LearntBpe& learnt, size_t special_tokens);

// The text of a tokenizer_config.json that lets transformers' AutoTokenizer open a tokenizer.json with these special tokens.
std::string make_tokenizer_config(std::span<const AddedToken> added_tokens);

}  // namespace qkv
