// tokenizer.json, the format of the `tokenizers` library.
//
// Supported: models BPE, WordPiece, WordLevel, Unigram; normalizers NFC, NFD, NFKC, NFKD, Lowercase, StripAccents, Strip, Replace, Prepend,
// Nmt, BertNormalizer, Precompiled, ByteLevel, Sequence; pre-tokenizers Metaspace, Whitespace, WhitespaceSplit, Punctuation, Digits, Split,
// ByteLevel, BertPreTokenizer, CharDelimiterSplit, UnicodeScripts, FixedLength, Sequence; post-processors TemplateProcessing,
// BertProcessing, RobertaProcessing, ByteLevel, Sequence; decoders Metaspace, ByteLevel, Replace, ByteFallback, Fuse, Strip, WordPiece,
// BPEDecoder, CTC, Sequence. Any other kind is Error(unsupported). "truncation" is read but not applied, and "padding" is not read: they
// concern single calls and batches, and transformers sets them anew with each call.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "text/files/tokenizer_config.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {

// Throws Error(bad_input or unsupported) with one line that names `file` and the place in it.
TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file);
// Uses an existing model instead of the file's.
TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file, std::unique_ptr<TokenModel> model);
// Reads a vocabulary and merges of at least `least_slice` bytes by the fast path (json_slices.h).
TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file, size_t least_slice);

// Also applies the files beside it where transformers' classes follow them instead of the tokenizer.json: added tokens
// (added_tokens_json.h) and stages (config_stages.h). `text` becomes the text of the changed file.
TokenizerParts parse_tokenizer_json(std::string& text, const std::string& file, const TokenizerConfig& config);

// The text of a tokenizer_config.json that lets transformers' AutoTokenizer open a tokenizer.json with these special tokens.
std::string make_tokenizer_config(std::span<const AddedToken> added_tokens);

}  // namespace qkv
