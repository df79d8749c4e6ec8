// Finding and reading the files of a tokenizer, whatever their kind: each becomes the text of a tokenizer.json.
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
  std::string name;                   // what messages name
  bool split_special_tokens = false;  // the configuration's: special tokens in a text are ordinary characters
  // What lies beside a tokenizer.json and is still to be applied to it; other kinds have it in `json`.
  std::optional<TokenizerConfig> beside = {};
  // Where the model is there already, `without_model` is the rest of the file.
  std::unique_ptr<TokenModel> model = nullptr;
  std::string without_model = "";
  bool takes_pattern = false;  // a rank file of tiktoken
};

struct RankTokenizer;
TokenizerFiles files_of(RankTokenizer tokenizer, std::string config, std::string name);

// `path`: a file, whose kind its content and name tell, or a directory that holds files of one kind; of several the first of the table
// above. Throws Error (io, bad_input, unsupported) with one line.
TokenizerFiles read_tokenizer_files(const std::filesystem::path& path, const TokenizerLoadOptions& options = {});

}  // namespace qkv
