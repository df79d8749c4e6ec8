// A tokenizer from a Hugging Face tokenizer.json. Thread safety: const functions may be called from any number of threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/export.h"

namespace qkv {

// A range of bytes, [begin, end), of a text.
struct ByteRange {
  size_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

// The ids of a text and data about each of them, in vectors of equal length.
struct Encoding {
  std::vector<int32_t> ids;
  // Bytes of the text that each token covers, always complete characters. Tokens overlap if one character became several, and are empty if
  // a token covers no text. {0, 0} for tokens that belong to neither text.
  std::vector<ByteRange> offsets;
  std::vector<int32_t> type_ids;             // "token types": 0 for a text, usually 1 for the second of a pair
  std::vector<int32_t> sequences;            // 0: first text, 1: second text, -1: a special token added around them
  std::vector<uint8_t> special_tokens_mask;  // 1: an added special token. Special tokens named by the text itself are 0.
  // With Truncation::overflowing, the parts removed by truncation, each with its special tokens. For a pair, every combination of the parts
  // of both, so the count is a product.
  std::vector<Encoding> overflowing;
};

// Truncation of long texts.
struct Truncation {
  enum class Strategy { longest_first, only_first, only_second };  // which text of a pair is shortened
  enum class Direction { right, left };                            // the end at which tokens are removed
  size_t max_length = 512;                                         // in tokens, including special ones
  size_t stride = 0;         // tokens that a part repeats from the previous one; below the length of a part
  bool overflowing = false;  // keep the removed parts in the encoding
  Strategy strategy = Strategy::longest_first;
  Direction direction = Direction::right;
};

struct EncodeOptions {
  bool add_special_tokens = true;
  // If true, special tokens spelled out in the text ("</s>") are ordinary characters, so no special token comes from the text. Empty: as in
  // the tokenizer's files ("split_special_tokens"), or false.
  std::optional<bool> special_tokens_as_text;
  // With special_tokens_as_text, special tokens without a role (a language tag, "<|im_start|>") are recognized nevertheless; those that
  // begin, end, pad, separate or mask texts, or stand for unknown text, are not. Training and translation read texts in this way.
  bool find_tags = false;
  std::optional<Truncation> truncation;
};

// Random segmentations of the training text make a model robust (subword regularization).
struct SubwordSampling {
  std::optional<double> dropout;  // BPE (Provilkov et al. 2020): probability of skipping a merge; empty: the file's
  double alpha = 0.1;  // Unigram (Kudo 2018): 0: uniform over segmentations, large: nearly always the best; 1/alpha is a temperature
};

struct TokenizerLoadOptions {
  // For tiktoken's rank files, which do not define how texts are split into words: the name of a family (gpt2, cl100k_base, o200k_base,
  // llama3, qwen, …), or a regular expression in the syntax of tokenizer.json. Empty: derived from the other files in the directory and the
  // number of ranks; a guess is reported on stderr.
  std::string tiktoken_pattern;
};

class QKV_API Tokenizer {
 public:
  // `path` is a tokenizer.json, or another tokenizer file: a SentencePiece .model, vocab.json with merges.txt beside it, vocab.txt, a
  // tiktoken rank file, Mistral's tekken.json, or a .gguf with a vocabulary. It may also be a directory with such files, or with Marian's
  // source.spm, target.spm and vocab.json. A tokenizer_config.json beside the file is applied. Throws qkv::Error (bad_input, unsupported,
  // io) with one line.
  static Tokenizer load(const std::filesystem::path& path, const TokenizerLoadOptions& options = {});

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Ids of a text in UTF-8; add_special_tokens applies the post-processor's template (for example a final </s>). Invalid UTF-8 is replaced
  // by U+FFFD.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens = true) const;
  // As above, with further options; truncation works as in encode_with_offsets.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const;
  // Encodes each text as encode does, on all threads.
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts, bool add_special_tokens = true) const;
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts, const EncodeOptions& options) const;
  // As encode, with a random segmentation if the model supports it (BPE, Unigram). Equal seeds give equal segmentations on any machine.
  // Throws qkv::Error (invalid_argument) for values out of range.
  std::vector<int32_t> encode_sampled(std::string_view text, const SubwordSampling& how, uint64_t seed,
                                      bool add_special_tokens = true) const;
  std::vector<int32_t> encode_sampled(std::string_view text, const SubwordSampling& how, uint64_t seed, const EncodeOptions& options) const;
  // As encode, with the bytes of the text that each id covers (the `tokenizers` library counts characters instead) and with truncation.
  // Slower than encode, and needs 50 to 85 bytes of memory per byte of text. Throws qkv::Error (invalid_argument) if the options cannot be
  // satisfied.
  Encoding encode_with_offsets(std::string_view text, const EncodeOptions& options = {}) const;
  // Encodes two texts as one input, joined by the tokenizer's post-processor. Throws qkv::Error (unsupported) if it has no rule for pairs.
  Encoding encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options = {}) const;
  // The truncation in the tokenizer's file; no function applies it automatically.
  const std::optional<Truncation>& truncation() const;
  // The text of the ids. Spaces before punctuation are removed if the files request it ("clean_up_tokenization_spaces", not with BPE).
  // Throws qkv::Error (invalid_argument) for ids out of range.
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = true) const;

  int32_t vocab_size() const;                         // largest id plus one, including added tokens and ids without a token
  int32_t token_to_id(std::string_view token) const;  // -1: unknown
  const std::string& id_to_token(int32_t id) const;   // empty: the id has no token; throws if out of range
  bool is_special(int32_t id) const;
  int32_t unknown_id() const;  // id of the token for unknown text (<unk>, [UNK]); -1: none

  // Writes tokenizer.json and tokenizer_config.json, which transformers' AutoTokenizer and the tokenizers library can open.
  void save(const std::filesystem::path& directory) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  friend struct TokenizerAccess;
};

}  // namespace qkv
