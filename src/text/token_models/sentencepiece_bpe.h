// Byte pair encoding as SentencePiece does it: a pair of neighbours may be joined where together they are a piece, and the piece of
// the highest score comes first, of several the leftmost one. (tokenizer.json's merges cannot say "of equal rank".)
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

// Models of the kinds bpe and character.
class SentencePieceBpe final : public TokenModel {
 public:
  // `file` is what messages name.
  SentencePieceBpe(const SentencePieceModel& model, const std::string& file);

  // `text` is normalized. O(n log n) in its length.
  void tokenize(std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const override {
    tokenize_with(nullptr, text, ids, spans);
  }
  // BPE-dropout as BpeModel has it; a file says nothing of it, so the default is none. Models with unused pieces have none either.
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

  // `sampling` is null for the segmentation that is no chance.
  void tokenize_with(const Sampling* sampling, std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const;
  void tokenize_section(const Sampling* sampling, std::string_view text, size_t begin, size_t end, Output& output) const;
  void tokenize_with_unused(std::string_view text, size_t begin, size_t end, Output& output) const;

  Vocabulary vocabulary_;
  ByteTrie user_defined_;
  int32_t unknown_ = -1;
  bool byte_fallback_;
  std::array<int32_t, 256> byte_ids_{};
  std::unique_ptr<BpeModel> bpe_;  // of the text between pieces that users defined
  bool cut_at_spaces_ = true;      // no piece goes on behind a space symbol that ends a word, so words can be looked at one by one

  // For models whose pieces are not all there is to join: unused pieces, and characters that are no piece but part of one.
  bool has_unused_ = false;
  Vocabulary symbols_;        // the pieces, then such characters
  std::vector<bool> unused_;  // by piece
  PairMap<Joined> joined_;
};

}  // namespace qkv
