// Byte pair encoding as in SentencePiece: two neighbours may be merged if together they are a piece; the piece with the highest score is
// made first, the leftmost of several. (tokenizer.json's merges cannot express equal ranks.)
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "text/pipeline/pipeline.h"
#include "text/pipeline/vocabulary.h"
#include "text/token_models/bpe_model.h"
#include "text/token_models/byte_trie.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

// For models of the kinds bpe and character.
class SentencePieceBpe final : public TokenModel {
 public:
  // `file` is the name in messages.
  SentencePieceBpe(const SentencePieceModel& model, const std::string& file);

  // `text` must be normalized. O(n log n) in its length.
  void tokenize(std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const override {
    tokenize_with(nullptr, text, ids, spans);
  }
  // BPE-dropout as in BpeModel. Files do not specify it, so the default is none; models with unused pieces do not support it.
  void sample(std::string_view text, const SubwordSampling& how, RandomStream& random, std::vector<int32_t>& ids,
              std::vector<Span>* spans) const override {
    const Sampling sampling{how, random};
    tokenize_with(&sampling, text, ids, spans);
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  int32_t unknown_id() const override { return unknown_; }

 private:
  struct Joined {
    uint32_t rank;
    int32_t result;
  };
  struct Sampling {
    const SubwordSampling& how;
    RandomStream& random;
  };
  class Output;

  // `sampling` is null for the deterministic segmentation.
  void tokenize_with(const Sampling* sampling, std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const;
  void tokenize_section(const Sampling* sampling, std::string_view text, size_t begin, size_t end, Output& output) const;
  void tokenize_with_unused(std::string_view text, size_t begin, size_t end, Output& output) const;

  Vocabulary vocabulary_;
  ByteTrie user_defined_;
  int32_t unknown_ = -1;
  bool byte_fallback_;
  std::array<int32_t, 256> byte_ids_{};
  std::unique_ptr<BpeModel> bpe_;  // for the text between user-defined pieces
  bool cut_at_spaces_ = true;      // no piece extends beyond a space symbol that ends a word, so words can be processed separately

  // For models in which more than the pieces can be merged: unused pieces, and characters that are only part of pieces.
  bool has_unused_ = false;
  Vocabulary symbols_;        // the pieces, then such characters
  std::vector<bool> unused_;  // by piece
  PairMap<Joined> joined_;
};

}  // namespace qkv
