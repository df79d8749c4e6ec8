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

namespace qkv {

// A range of bytes, [begin, end), of a text.
struct ByteRange {
  size_t begin = 0, end = 0;
  bool operator==(const ByteRange&) const = default;
};

// Ids and what is known of each: vectors of the same length.
struct Encoding {
  std::vector<int32_t> ids;
  // Which bytes of its text a token stands for: whole characters. Tokens overlap where a character became several, and are empty where
  // one stands for nothing in the text. {0, 0} where a token is of no text.
  std::vector<ByteRange> offsets;
  std::vector<int32_t> type_ids;             // "token types": 0 for a text, most often 1 for the second of a pair
  std::vector<int32_t> sequences;            // 0: of the first text, 1: of the second, -1: a special token that was put around them
  std::vector<uint8_t> special_tokens_mask;  // 1: such a token. Special ones that the text itself names are 0.
  // What truncation took away, where it was asked for: further parts, each with its special tokens. Of a pair, each combination of the
  // parts of both, so their number is a product.
  std::vector<Encoding> overflowing;
};

// How to cut what is too long.
struct Truncation {
  enum class Strategy { longest_first, only_first, only_second };  // which text of a pair gives tokens
  enum class Direction { right, left };                            // from which end they are taken
  size_t max_length = 512;                                         // tokens, special ones included
  size_t stride = 0;         // how many tokens of a part the next one repeats; below the length of a part
  bool overflowing = false;  // should the encoding hold the further parts, too?
  Strategy strategy = Strategy::longest_first;
  Direction direction = Direction::right;
};

struct EncodeOptions {
  bool add_special_tokens = true;
  // Is a special token that the text spells out ("</s>") read as ordinary characters? No special token comes from the text then. Empty: as
  // the tokenizer's files say ("split_special_tokens"), where they say nothing no.
  std::optional<bool> special_tokens_as_text;
  // With it: special tokens without a role (a language's tag, "<|im_start|>") are found all the same; those that begin, end, pad, part or
  // mask texts, or stand for what is unknown, are not. How training and translating read texts.
  bool find_tags = false;
  std::optional<Truncation> truncation;
};

// Training on different segmentations of the same text makes a model robust (subword regularization).
struct SubwordSampling {
  std::optional<double> dropout;  // BPE (Provilkov et al. 2020): probability that a merge is passed over; empty: the file's
  double alpha = 0.1;  // Unigram (Kudo 2018): 0: all segmentations alike, large: nearly always the best; 1/alpha is a temperature
};

struct TokenizerLoadOptions {
  // For tiktoken's rank files, which do not say how texts are cut into words: the name of a family (gpt2, cl100k_base, o200k_base, llama3,
  // qwen, …), or a regular expression as tokenizer.json has it. Empty: told by what lies beside the file and by the number of ranks; what
  // is guessed is said on stderr.
  std::string tiktoken_pattern;
};

class Tokenizer {
 public:
  // `path`: a tokenizer.json, or another file that a tokenizer comes in: a SentencePiece .model, vocab.json with merges.txt beside it,
  // vocab.txt, a tiktoken rank file, Mistral's tekken.json, a .gguf with a vocabulary; or a directory that holds such files, also Marian's
  // source.spm, target.spm and vocab.json. What lies beside a file (tokenizer_config.json) is followed. Throws qkv::Error (bad_input,
  // unsupported, io) with one line.
  static Tokenizer load(const std::filesystem::path& path, const TokenizerLoadOptions& options = {});

  Tokenizer(Tokenizer&&) noexcept;
  Tokenizer& operator=(Tokenizer&&) noexcept;
  ~Tokenizer();

  // Ids of a text in UTF-8; with add_special_tokens the post-processor's template is applied (a final </s>, say). Invalid UTF-8 is
  // replaced by U+FFFD.
  std::vector<int32_t> encode(std::string_view text, bool add_special_tokens = true) const;
  // The same with further options; truncation is applied as encode_with_offsets does it.
  std::vector<int32_t> encode(std::string_view text, const EncodeOptions& options) const;
  // Each text as encode does it, on all threads.
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts, bool add_special_tokens = true) const;
  std::vector<std::vector<int32_t>> encode_batch(std::span<const std::string_view> texts, const EncodeOptions& options) const;
  // The same for a segmentation by chance, where the model has such (BPE, Unigram); the same seed gives the same one, on any machine.
  // Throws qkv::Error (invalid_argument) for values out of range.
  std::vector<int32_t> encode_sampled(std::string_view text, const SubwordSampling& how, uint64_t seed,
                                      bool add_special_tokens = true) const;
  std::vector<int32_t> encode_sampled(std::string_view text, const SubwordSampling& how, uint64_t seed, const EncodeOptions& options) const;
  // What encode gives with the bytes of the text that each id is for, as the `tokenizers` library gives them (in characters), and with
  // truncation. Slower than encode, and needs 50 to 85 bytes for each byte of the text. Throws qkv::Error (invalid_argument) where the
  // options cannot be kept.
  Encoding encode_with_offsets(std::string_view text, const EncodeOptions& options = {}) const;
  // Two texts as one input, joined as the tokenizer's post-processor says. Throws qkv::Error (unsupported) where it says nothing of pairs.
  Encoding encode_pair(std::string_view first, std::string_view second, const EncodeOptions& options = {}) const;
  // The truncation that the tokenizer's file asks for; no function applies it by itself.
  const std::optional<Truncation>& truncation() const;
  // The text of the ids; spaces before punctuation are taken out where the files ask for it ("clean_up_tokenization_spaces", not with
  // BPE). Ids out of range throw qkv::Error (invalid_argument).
  std::string decode(std::span<const int32_t> ids, bool skip_special_tokens = true) const;

  int32_t vocab_size() const;                         // the largest id and one: added tokens and ids without a token included
  int32_t token_to_id(std::string_view token) const;  // -1: unknown
  const std::string& id_to_token(int32_t id) const;   // empty: the id has no token; out of range: throws
  bool is_special(int32_t id) const;
  int32_t unknown_id() const;  // of the token for what is not in the vocabulary (<unk>, [UNK]); -1: there is none

  // Writes tokenizer.json and tokenizer_config.json so that transformers' AutoTokenizer and the tokenizers library open them.
  void save(const std::filesystem::path& directory) const;

 private:
  struct Impl;
  explicit Tokenizer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
  friend struct TokenizerAccess;
};

}  // namespace qkv
