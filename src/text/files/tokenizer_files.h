// Finds and reads the files of a tokenizer of any kind and converts each to the text of a tokenizer.json.
//
//   tokenizer.json                          as it is
//   vocab.json + merges.txt                 GPT-2's, RoBERTa's, Qwen's, CLIP's: vocab_files.h
//   vocab.txt                               BERT's: vocab_files.h
//   *.model, *.spm (vocab.spm)              SentencePiece: sentencepiece_file.h, sentencepiece_json.h
//   source.spm + target.spm + vocab.json    Marian's: marian_files.h
//   *.tiktoken, tokenizer.model as text     tiktoken's ranks: tiktoken_file.h
//   tekken.json                             Mistral's own library: tekken_file.h
//   *.gguf                                  the vocabulary in it: gguf_vocabulary.h
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "qkv/tokenizer.h"
#include "text/files/tokenizer_config.h"
#include "text/pipeline/pipeline.h"
#include "text/unicode/lazy_text.h"

namespace qkv {

struct TokenizerFiles {
  LazyText json;                      // the text of a tokenizer.json
  std::string config;                 // the text of the tokenizer_config.json beside it; empty: there is none
  std::string name;                   // used in messages
  bool split_special_tokens = false;  // from the configuration: special tokens in a text are ordinary characters
  // Configuration still to be applied to a tokenizer.json; for other kinds `json` already contains it.
  std::optional<TokenizerConfig> beside = {};
  // If the model has already been built, `without_model` is the rest of the file.
  std::unique_ptr<TokenModel> model = nullptr;
  std::string without_model = "";
  bool takes_pattern = false;  // whether it is a rank file of tiktoken
};

struct RankTokenizer;
TokenizerFiles files_of(RankTokenizer tokenizer, std::string config, std::string name);

// `path`: a file, whose kind is recognized by content and name, or a directory. If a directory holds several kinds, the first one of the
// table above is used. Throws Error (io, bad_input, unsupported) with one line.
TokenizerFiles read_tokenizer_files(const std::filesystem::path& path, const TokenizerLoadOptions& options = {});

}  // namespace qkv
