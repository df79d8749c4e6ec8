// A tokenizer from a Hugging Face tokenizer.json. Thread safety: const functions may be called from any number of threads at once.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

class Tokenizer {
 public:
  // `path`: a tokenizer.json, or a directory that holds one. Throws qkv::Error (bad_input, io) with one line.
  static Tokenizer load(const std::filesystem::path& path);

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Ids of a text in UTF-8; with add_special_tokens the post-processor's template is applied (a final </s>, say). Invalid UTF-8 is
  // replaced by U+FFFD.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens = true) const;
  // The text of the ids. Ids out of range throw qkv::Error (invalid_argument).
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = true) const;

  int32_t vocab_size() const;                         // the largest id and one: added tokens and ids without a token included
  int32_t token_to_id(std::string_view token) const;  // -1: unknown
  const std::string& id_to_token(int32_t id) const;   // empty: the id has no token; out of range: throws
  bool is_special(int32_t id) const;

  // Writes tokenizer.json and tokenizer_config.json so that transformers' AutoTokenizer and the tokenizers library open them.
  void save(const std::filesystem::path& directory) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  friend struct TokenizerAccess;
};

}  // namespace qkv
