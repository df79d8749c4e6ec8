// The unigram language model over pieces (Kudo 2018, "Subword regularization", section 3.2): a text is cut into the pieces whose scores,
// logarithms of probabilities, have the highest sum.
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
    user_defined,  // wins against any pieces with scores below 0 (SentencePiece): 0.1 for each byte but the first is its score
    hidden,        // never found in a text: control, unknown, byte and unused pieces of SentencePiece
  };
  std::string token;  // empty: an id without a piece
  double score = 0;   // finite, at most kMaxUnigramScore in size
  Kind kind = Kind::normal;
};

// A sum of floats beyond this in size is taken off it and those after it, as sentencepiece does (EncodeOptimized).
inline constexpr float kMostFloatSum = 100'000.0f;

inline constexpr double kMaxUnigramScore = 1e30;  // sums over any text stay finite, in single precision, too

struct UnigramOptions {
  std::optional<int32_t> unk_id;  // for characters that are no piece; without one they are an error
  bool byte_fallback = false;     // unknown characters become their bytes, <0xE4> …, where these are pieces
  bool single_precision = false;  // sums rounded to floats as sentencepiece has them, and not doubles as `tokenizers`: decides near ties
};

class UnigramModel final : public TokenModel {
 public:
  // The place of a piece is its id; the pieces differ.
  UnigramModel(std::vector<UnigramPiece> pieces, UnigramOptions options);

  // Of several best segmentations the one that `tokenizers` and sentencepiece find: at each place the piece that begins first wins. A
  // character that is no piece of its own has the lowest score of all normal pieces, less 10; unknown characters in a row are one unk.
  //
  // Words are looked up among those seen before, in single precision, too: a word's best segmentation is the same behind any other text
  // but for rounding, and where the next best one is close enough for that to matter, the word is looked at again.
  //
  // O(length of the text * length of the longest piece). What all ways so far have in common is written at once, so that a long text needs
  // 2 MB besides its ids. Only where two ways through all of it stay apart: 16 bytes for each byte of the text, 32 while the table grows.
  void tokenize(std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const override;
  // The best segmentation without the special pieces, as sentencepiece has it, which never finds control pieces in a text.
  void tokenize_as_text(std::string_view text, const std::vector<bool>& special, std::vector<int32_t>& ids,
                        std::vector<Span>* spans) const override;
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  int32_t unknown_id() const override { return unk_id_ == kMissing ? -1 : unk_id_; }

  struct Segmentation {
    std::vector<int32_t> ids;
    std::vector<Span> spans;
    double score;  // sum of the pieces' scores; sums are in double precision here
  };
  // The `count` best segmentations (fewer where there are not as many), the best first. Exact. Memory: 8 bytes for each byte of the text,
  // 36 for each of at most count * (characters of the text) * (pieces that begin at one place) partial ones.
  std::vector<Segmentation> best(std::string_view text, size_t count) const;

  // A segmentation with probability proportional to exp(how.alpha * its score), from all there are. Memory: 8 bytes for each byte.
  void sample(std::string_view text, const SubwordSampling& how, RandomStream& random, std::vector<int32_t>& ids,
              std::vector<Span>* spans) const override;

 private:
  class Output;
  template <typename Score>
  class Search;
  // `score` is that of what comes before the text; returns it with that of the text.
  template <typename Score>
  Score search(std::string_view text, Score score, Output& output) const;

  // Word by word, where that is possible (unigram_words.cc).
  bool can_cut_at_spaces(const std::vector<UnigramPiece>& pieces) const;
  void tokenize_words(std::string_view text, std::vector<int32_t>& ids) const;
  void find_best(std::string_view word, std::vector<int32_t>& ids) const;
  void write_way(std::string_view word, std::span<const int32_t> way, std::vector<int32_t>& ids) const;
  float append_word(std::string_view word, const WordCache::Key& key, float score, std::vector<int32_t>& way,
                    std::vector<int32_t>& ids) const;
  // Calls see(id, length in bytes, score) for each piece that `text` has at `begin`, and for an unknown character there; its id is
  // kMissing where there is no unk. `hidden`: by id, pieces to leave out; null: none.
  template <typename See>
  void for_each_piece(std::string_view text, size_t begin, See&& see, const std::vector<bool>* hidden = nullptr) const;
  static constexpr int32_t kMissing = -2;

  Vocabulary vocabulary_;
  UnigramOptions options_;
  ByteTrie trie_;
  std::vector<double> scores_;         // by id
  double unk_score_;                   // of an unknown character
  int32_t unk_id_;                     // or kMissing
  std::array<int32_t, 256> byte_ids_;  // of <0x00> …, -1: no piece
  bool cut_at_spaces_ = false;
  WordCache cache_;  // of texts, or where they are cut at spaces, of words: what find_best() gives
};

}  // namespace qkv
