// Trains WordPiece: learns pieces from counted words (Schuster and Nakajima 2012, "Japanese and Korean voice search", section 3).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer_trainer.h"
#include "text/training/trainer_symbols.h"

namespace qkv {

struct TrainedWordPieces {
  std::vector<std::string> tokens;  // special tokens, characters by code point, inner ones ("##e") by code point, then results of merges
  size_t alphabet = 0;              // number of single characters, including inner ones
};

// The gain. A corpus of N = sum of c(x) pieces has the log-likelihood L = sum of c(x) log(c(x) / N) = sum of f(c(x)) - f(N), where f(c) = c
// log c. Merging ab in n places subtracts n from c(a), from c(b), and from N, and makes a piece that occurs n times, thus
//   gain = f(n) + [f(c(a) - n) - f(c(a))] + [f(c(b) - n) - f(c(b))] + f(N) - f(N - n),
// for a pair of equal pieces with f(c(a) - 2n) - f(c(a)) instead of both brackets. Occurrences of such a pair may overlap ("aaa" has two,
// of which one can be merged): n is then at most half of c(a). The new piece counts as new even if another pair made it before.
//
// Ties: of equal scores the pair that occurs more often, then the one with the smallest ids (left, then right). Scores are compared as
// doubles. Pairs that occur less than min_frequency times are not merged. Ends early if no pair is left.
//
// Merging ab changes c(a) and c(b), and thus the score of every pair that has a or b. Each pair is in one heap, knows its position there,
// and is moved when its score changes: O(n log n) in the characters of the different words, and O(d log p) for each merge, with d the
// number of different pairs that contain a, b or ab (at most twice the number of tokens) and p the number of all pairs. The last difference
// of the gain changes with every merge for every pair, but equally for pairs with equal n: there is a heap for each n, and their tops are
// compared, O(sqrt(C)) of them for a corpus of C characters.
TrainedWordPieces learn_word_pieces(std::span<const WordCount> words, WordPieceScore score, const LearnOptions& options);

}  // namespace qkv
