// Learning the pieces of WordPiece from counted words (Schuster and Nakajima 2012, "Japanese and Korean voice search", section 3).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer_trainer.h"
#include "text/training/trainer_symbols.h"

namespace qkv {

struct LearntWordPieces {
  std::vector<std::string> tokens;  // special tokens, characters by code point, inner ones ("##e") by code point, what joining makes
  size_t alphabet = 0;              // how many of them are single characters, inner ones included
};

// The gain. A corpus of N = sum of c(x) pieces has the log-likelihood L = sum of c(x) log(c(x) / N) = sum of f(c(x)) - f(N), where
// f(c) = c log c. Joining ab in n places takes n from c(a), from c(b), and from N, and makes a piece that occurs n times, thus
//   gain = f(n) + [f(c(a) - n) - f(c(a))] + [f(c(b) - n) - f(c(b))] + f(N) - f(N - n),
// for a pair of equal pieces with f(c(a) - 2n) - f(c(a)) in place of both brackets. Occurrences of such a pair may overlap ("aaa" has two,
// of which one can be joined): n is then at most half of c(a). The new piece is taken to be new, also where another pair made it before.
//
// Ties: of equal scores the pair that occurs more often, then the one with the smallest ids (left, then right). Scores are compared as
// doubles. Pairs that occur less than min_frequency times are not joined. Ends early where no pair is left.
//
// Joining ab changes c(a) and c(b), and with them the score of every pair that has a or b. Each pair is in one heap that knows its place
// there, and is moved when its score changes: O(n log n) in the characters of the different words, and O(d log p) for each joining, with d
// the number of different pairs that a, b and ab are in (at most twice the number of tokens) and p that of all. The last difference of the
// gain changes with every joining for every pair, but equally for pairs with the same n: there is a heap for each n, and their tops are
// compared, O(sqrt(C)) of them for a corpus of C characters.
LearntWordPieces learn_word_pieces(std::span<const WordCount> words, WordPieceScore score, const LearnOptions& options);

}  // namespace qkv
