// The pieces of a Unigram vocabulary during its training: a trie over the substrings of the corpus.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "text/token_models/unigram_lattice.h"
#include "text/training/unigram_trainer.h"
#include "text/training/word_corpus.h"

namespace qkv {

struct UnigramPieces {
  static constexpr uint32_t kNone = UINT32_MAX;

  struct Piece {
    uint32_t parent;  // the longest piece that is a prefix of this one; kNone: none
    uint32_t length;
    double score, probability;

    void set_score(double new_score);
  };
  // Further data of the pieces.
  struct PieceText {
    uint32_t begin;  // an occurrence in the text
    bool character;
  };

  std::vector<Piece> pieces;      // prefixes before the pieces that begin with them
  std::vector<PieceText> texts;   // of the pieces
  std::vector<uint32_t> deepest;  // for each place of the text the longest piece there, or kNone

  // Makes the lattice of `length` characters of the text from `begin` on. `except`: a piece to leave out.
  void fill_lattice(UnigramLattice& lattice, uint32_t begin, uint32_t length, uint32_t except = kNone) const;
  // Removes the pieces with keep[i] == 0; the places of a removed piece go to its longest kept prefix.
  void keep_only(const std::vector<char>& keep);
};

// The characters and the most valuable repeated substrings (unigram_trainer.h).
UnigramPieces choose_seed(const WordCorpus& corpus, const std::u32string& alphabet, const UnigramTrainerOptions& options);

}  // namespace qkv
