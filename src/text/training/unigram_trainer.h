// Trains a Unigram vocabulary (Kudo 2018, "Subword regularization", section 3.2) on counted words, as SentencePiece does.
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
  size_t seed_size = 1'000'000;    // seed pieces, not counting the alphabet
  double shrinking_factor = 0.75;  // share of the pieces kept by a round of pruning
  int sub_iterations = 2;          // EM steps before each round
  double margin = 1.1;             // pruning ends at this multiple of the requested size, because EM drops pieces, too
  bool script_boundaries = true;   // a piece has letters of one script only; digits, punctuation and symbols count as one script
  std::string word_start = "▁";    // a character that only occurs at the beginning of a piece
};

struct TrainedUnigram {
  std::vector<std::pair<std::string, double>> pieces;  // with the natural logarithm of their probabilities; the likeliest first
  size_t alphabet = 0;                                 // number of characters, which are all pieces
  double log_likelihood = 0;                           // of the words before the last EM step, natural logarithm
};

// `vocab_size` of the options is the number of pieces; no piece equals a special token; min_frequency and continuing_prefix are ignored.
// Returns fewer pieces if the words have no more. Deterministic: sums over words are integers, so they do not depend on their order or on
// the number of threads.
//
// Seed: the characters, and among all repeated substrings that cannot be extended without losing occurrences (suffix_array.h) those with
// the largest product of count and length. Then, until at most `margin` times vocab_size are left: `sub_iterations` EM steps, and a round
// that keeps the `shrinking_factor` of the pieces whose loss would cost the most. A last round without EM, which might leave fewer, keeps
// vocab_size of them. (SentencePiece keeps the likeliest there, which describes the text a little worse.) An E step computes the expected
// count of each piece over all segmentations of each word; an M step sets log p = digamma(count) - digamma(sum of counts), the mean under a
// sparse Dirichlet prior (Liang and Klein 2007), and drops pieces that are expected less than half a time. The loss of a piece is the
// change of the log-likelihood, per word, if all its occurrences on best paths were segmented the best other way. Characters are never
// dropped; one that is not expected has a probability of e^-10 times that of the rarest piece during training, and after it the score of
// the rarest piece.
// not expected has a probability of e^-10 times that of the rarest piece while training, and after it the score of the rarest piece.
// Words are cut after every 200 characters, and at characters outside the alphabet. Time: O(n) for each EM step in the characters n of the
// different words (times at most max_piece_length). Memory: about 50 bytes for each of these, and 60 for each piece.
TrainedUnigram learn_unigram(std::span<const WordCount> words, const UnigramTrainerOptions& unigram, const LearnOptions& options);

}  // namespace qkv
