// The unigram language model over pieces (Kudo 2018, "Subword regularization", section 3.2): a text is segmented into the pieces with the
// highest sum of scores, which are logarithms of probabilities.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "text/pipeline/pipeline.h"
#include "text/pipeline/vocabulary.h"
#include "text/token_models/byte_trie.h"
#include "text/token_models/word_cache.h"

namespace qkv {

struct UnigramPiece {
  enum class Kind : uint8_t {
    normal,
    user_defined,  // wins against any pieces with scores below 0 (SentencePiece): its score is 0.1 for each byte but the first
    hidden,        // never found in a text: control, unknown, byte and unused pieces of SentencePiece
  };
  std::string token;  // empty: an id without a piece
  double score = 0;   // finite, at most kMaxUnigramScore in absolute value
  Kind kind = Kind::normal;
};

// When a sum of floats exceeds this in absolute value, it is subtracted from itself and all later sums, as in sentencepiece
// (EncodeOptimized).
inline constexpr float kMostFloatSum = 100'000.0f;

inline constexpr double kMaxUnigramScore = 1e30;  // sums over any text stay finite, in single precision, too

struct UnigramOptions {
  std::optional<int32_t> unk_id;  // for characters that are no piece; an error if not set
  bool byte_fallback = false;     // unknown characters become their bytes, <0xE4> …, if these are pieces
  bool single_precision = false;  // sums in float as in sentencepiece instead of double as in `tokenizers`; decides near ties
};

class UnigramModel final : public TokenModel {
 public:
  // A piece's id is its index; pieces must be unique.
  UnigramModel(std::vector<UnigramPiece> pieces, UnigramOptions options);

  // Among equal best segmentations it finds the one that `tokenizers` and sentencepiece find: at each place the piece that begins first
  // wins. A character that is no piece scores 10 less than the worst normal piece; unknown characters in a row are one unk.
  //
  // Words are looked up in a cache, in single precision, too: a word's best segmentation does not depend on the text before it except for
  // rounding, and if the second best is close enough for that to matter, the word is segmented again.
  //
  // O(length of the text * length of the longest piece). The common prefix of all paths is written immediately, so that a long text needs 2
  // MB besides its ids. Only if two paths stay apart through the whole text: 16 bytes for each byte of it, 32 while the table grows.
  void tokenize(std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const override;
  // The best segmentation without the special pieces, as in sentencepiece, which never finds control pieces in a text.
  void tokenize_as_text(std::string_view text, const std::vector<bool>& special, std::vector<int32_t>& ids,
                        std::vector<Span>* spans) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  int32_t unknown_id() const override { return unk_id_ == kMissing ? -1 : unk_id_; }

  struct Segmentation {
    std::vector<int32_t> ids;
    std::vector<Span> spans;
    double score;  // sum of the pieces' scores, in double precision
  };
  // The `count` best segmentations (or all, if fewer), the best first. Exact. Memory: 8 bytes for each byte of the text, 36 for each of at
  // most count * (characters of the text) * (pieces that begin at one place) partial ones.
  std::vector<Segmentation> best(std::string_view text, size_t count) const;

  // A segmentation drawn from all with probability proportional to exp(how.alpha * its score). Memory: 8 bytes for each byte.
  void sample(std::string_view text, const SubwordSampling& how, RandomStream& random, std::vector<int32_t>& ids,
              std::vector<Span>* spans) const override;

 private:
  class Output;
  template <typename Score>
  class Search;
  // `score` is the sum before the text; returns the sum after it.
  template <typename Score>
  Score search(std::string_view text, Score score, Output& output) const;

  // Word by word, if that is possible (unigram_words.cc).
  bool can_cut_at_spaces(const std::vector<UnigramPiece>& pieces) const;
  void tokenize_words(std::string_view text, std::vector<int32_t>& ids) const;
  void find_best(std::string_view word, std::vector<int32_t>& ids) const;
  void write_way(std::string_view word, std::span<const int32_t> way, std::vector<int32_t>& ids) const;
  float append_word(std::string_view word, const WordCache::Key& key, float score, std::vector<int32_t>& way,
                    std::vector<int32_t>& ids) const;
  // Calls see(id, length in bytes, score) for each piece at `begin` of `text`, and for an unknown character there, with id kMissing if
  // there is no unk. `hidden`: by id, pieces to leave out; null: none.
  template <typename See>
  void for_each_piece(std::string_view text, size_t begin, See&& see, const std::vector<bool>* hidden = nullptr) const;
  static constexpr int32_t kMissing = -2;

  Vocabulary vocabulary_;
  UnigramOptions options_;
  ByteTrie trie_;
  std::vector<double> scores_;         // by id
  double unk_score_;                   // of an unknown character
  int32_t unk_id_;                     // may be kMissing
  std::array<int32_t, 256> byte_ids_;  // of <0x00> …, -1: no piece
  bool cut_at_spaces_ = false;
  WordCache cache_;  // results of find_best() for texts, or for words if they are cut at spaces
};

}  // namespace qkv
