// Learning a Unigram vocabulary (Kudo 2018, "Subword regularization", section 3.2) from counted words, in the manner of SentencePiece.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "text/training/trainer_symbols.h"

namespace qkv {

struct UnigramTrainerOptions {
  uint32_t max_piece_length = 16;  // in characters
  size_t seed_size = 1'000'000;    // pieces to begin with, the alphabet not counted
  double shrinking_factor = 0.75;  // pieces that a round of pruning keeps
  int sub_iterations = 2;          // steps of EM before each round
  double margin = 1.1;             // pruning ends at this many times the size asked for: EM drops pieces, too
  bool script_boundaries = true;   // a piece has letters of one script only; digits, punctuation and symbols are a script of their own
  std::string word_start = "▁";    // one character that stands at the beginning of a piece only
};

struct LearntUnigram {
  std::vector<std::pair<std::string, double>> pieces;  // with the natural logarithm of their probabilities; the likeliest first
  size_t alphabet = 0;                                 // number of characters, which are all pieces
  double log_likelihood = 0;                           // of the words before the last step of EM, natural logarithm
};

// `vocab_size` of the options is the number of pieces; no piece is one of the special tokens; min_frequency and
// continuing_prefix are not looked at. Ends with fewer pieces where the words do not have more. Deterministic: what is summed over words is
// summed in integers, so the sums do not depend on their order, and thus not on the number of threads.
//
// Seed: the characters, and of all substrings that are repeated and cannot be made longer without losing places (suffix_array.h) those with
// the largest product of count and length. Then, until no more than `margin` times vocab_size are left: `sub_iterations` steps of EM, and a
// round that keeps the `shrinking_factor` of the pieces whose loss would cost the most. A last round without EM, which might leave fewer,
// keeps vocab_size of them. (SentencePiece takes the likeliest there, which describes the text a little worse.) An E step counts how often
// each piece is expected over all ways to cut each word; an M step sets log p = digamma(count) - digamma(sum of counts), the mean under a
// sparse Dirichlet prior (Liang and Klein 2007), and drops pieces that are expected less than half a time. The loss of a piece: the change
// of the log-likelihood, per word, if all its places on best ways were cut the best other way. Characters are never dropped; one that is
// not expected has a probability of e^-10 times that of the rarest piece while training, and after it the score of the rarest piece.
//
// Words are cut after every 200 characters, and at characters outside of the alphabet. Time: O(n) for each step of EM in the
// characters n of the different words (times at most max_piece_length). Memory: about 50 bytes for each of these, and 60 for each piece.
LearntUnigram learn_unigram(std::span<const WordCount> words, const UnigramTrainerOptions& unigram, const LearnOptions& options);

}  // namespace qkv
