#include "text/training/word_piece_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "base/cancellation.h"
#include "text/training/bpe_trainer.h"

namespace qkv {
namespace {

constexpr uint32_t kNowhere = UINT32_MAX;

struct Pair {
  TokenPair ids;
  uint64_t count = 0;
  uint64_t heap = 0;             // the key of its heap
  uint32_t slot = kNowhere;      // its position there; kNowhere: it is in none
  double score = 0;              // the order of the heap, highest first; for ties the next
  uint64_t order = 0;            // the count at the time of the score
  bool banned = false;           // spells a special token
  bool in_list[2] = {};          // whether it is in the lists of its left and of its right token
  std::vector<uint32_t> places;  // some may be out of date
};

// A binary heap of pairs that moves a pair whose score has changed. The pair to merge first is on top.
class PairHeap {
 public:
  bool empty() const { return items_.empty(); }
  uint32_t top() const { return items_[0]; }

  void insert(uint32_t pair, std::vector<Pair>& pairs) {
    items_.push_back(pair);
    pairs[pair].slot = static_cast<uint32_t>(items_.size() - 1);
    move(pair, pairs);
  }
  void remove(uint32_t pair, std::vector<Pair>& pairs) {
    const uint32_t slot = pairs[pair].slot, last = items_.back();
    items_.pop_back();
    pairs[pair].slot = kNowhere;
    if (last == pair) return;
    put(last, slot, pairs);
    move(last, pairs);
  }
  void move(uint32_t pair, std::vector<Pair>& pairs) {
    size_t slot = pairs[pair].slot;
    while (slot > 0 && comes_first(pairs[pair], pairs[items_[(slot - 1) / 2]])) {
      put(items_[(slot - 1) / 2], slot, pairs);
      slot = (slot - 1) / 2;
    }
    while (true) {
      size_t child = 2 * slot + 1;
      if (child >= items_.size()) break;
      if (child + 1 < items_.size() && comes_first(pairs[items_[child + 1]], pairs[items_[child]])) ++child;
      if (!comes_first(pairs[items_[child]], pairs[pair])) break;
      put(items_[child], slot, pairs);
      slot = child;
    }
    put(pair, slot, pairs);
  }

 private:
  static bool comes_first(const Pair& a, const Pair& b) {
    if (a.score != b.score) return a.score > b.score;
    return a.order != b.order ? a.order > b.order : a.ids < b.ids;
  }
  void put(uint32_t pair, size_t slot, std::vector<Pair>& pairs) {
    items_[slot] = pair;
    pairs[pair].slot = static_cast<uint32_t>(slot);
  }
  std::vector<uint32_t> items_;
};

// f(c) - f(c - n) with f(c) = c log c, without the cancellation in the difference of two large numbers.
double entropy_step(double c, double n) { return n * std::log(c) - (c > n ? (c - n) * std::log1p(-n / c) : 0.0); }

class WordPieceLearner {
 public:
  WordPieceLearner(std::span<const WordCount> words, WordPieceScore score, const LearnOptions& options)
      : score_(score),
        options_(options),
        tokens_(options.special_tokens),
        symbols_(words, choose_alphabet(words, options), options, tokens_),
        alphabet_(tokens_.size() - options.special_tokens.size()) {
    counts_.resize(tokens_.size());
    pairs_of_.resize(tokens_.size());
    symbols_.visit(
        [&](int32_t id, uint64_t count) {
          count_of(id) += count;
          total_ += count;
        },
        [&](TokenPair pair, uint64_t count, uint32_t place) { add(pair, count, place); });
    for (uint32_t pair = 0; pair < pairs_.size(); ++pair) update(pair);
  }

  TrainedWordPieces run() {
    for (size_t step = 0; tokens_.size() < options_.vocab_size; ++step) {
      if (step % 256 == 0) {
        throw_if_cancelled(options_.cancellation);
        if (options_.progress) options_.progress(fmt::format("{} of {} tokens", tokens_.size(), options_.vocab_size));
      }
      const uint32_t best = best_pair();
      if (best == kNowhere) break;
      join(best);
    }
    return {tokens_.take(), alphabet_};
  }

 private:
  uint64_t& count_of(int32_t token) { return counts_[static_cast<size_t>(token)]; }
  std::vector<uint32_t>& pairs_of(int32_t token) { return pairs_of_[static_cast<size_t>(token)]; }

  void add(TokenPair ids, uint64_t count, uint32_t place) {
    uint32_t& index = index_[ids];
    if (index == 0) {
      pairs_.emplace_back().ids = ids;
      index = static_cast<uint32_t>(pairs_.size());
    }
    Pair& pair = pairs_[index - 1];
    pair.count += count;
    pair.places.push_back(place);
    for (const int side : {0, 1}) {
      if (pair.in_list[side] || (side == 1 && ids.left == ids.right)) continue;
      pair.in_list[side] = true;
      pairs_of(side == 0 ? ids.left : ids.right).push_back(index - 1);
    }
  }

  // The number of times that the pair can be merged.
  uint64_t joins_of(const Pair& pair) {
    return pair.ids.left == pair.ids.right ? std::min(pair.count, count_of(pair.ids.left) / 2) : pair.count;
  }

  // The score; for `gain` without the part that depends on the size of the corpus.
  double score_of(const Pair& pair) {
    const auto left = static_cast<double>(count_of(pair.ids.left)), right = static_cast<double>(count_of(pair.ids.right));
    if (score_ == WordPieceScore::likelihood) return static_cast<double>(pair.count) / (left * right);
    const auto n = static_cast<double>(joins_of(pair));
    const double loss = pair.ids.left == pair.ids.right ? entropy_step(left, 2 * n) : entropy_step(left, n) + entropy_step(right, n);
    return n * std::log(n) - loss;
  }

  // Moves a pair according to its score and count.
  void update(uint32_t index) {
    Pair& pair = pairs_[index];
    const uint64_t joins = joins_of(pair);
    const bool wanted = pair.count >= std::max<uint64_t>(1, options_.min_frequency) && joins > 0 && !pair.banned;
    const uint64_t heap = score_ == WordPieceScore::gain ? joins : 0;
    if (pair.slot != kNowhere && (!wanted || pair.heap != heap)) {
      const auto old = heaps_.find(pair.heap);
      old->second.remove(index, pairs_);
      if (old->second.empty()) heaps_.erase(old);
    }
    if (!wanted) return;
    pair.score = score_of(pair);
    pair.order = pair.count;
    if (pair.slot != kNowhere) {
      heaps_[heap].move(index, pairs_);
    } else {
      pair.heap = heap;
      heaps_[heap].insert(index, pairs_);
    }
  }

  // kNowhere if there is none.
  uint32_t best_pair() const {
    uint32_t best = kNowhere;
    double best_score = 0;
    for (const auto& [joins, heap] : heaps_) {
      const Pair& top = pairs_[heap.top()];
      const double score =
          top.score + (score_ == WordPieceScore::gain ? entropy_step(static_cast<double>(total_), static_cast<double>(joins)) : 0.0);
      // Heaps come in the order of how often their pairs can be merged.
      if (best == kNowhere || score >= best_score) {
        best = heap.top();
        best_score = score;
      }
    }
    return best;
  }

  void join(uint32_t index) {
    const TokenPair ids = pairs_[index].ids;
    const std::string text = tokens_.joined(ids, options_.continuing_prefix);
    if (tokens_.is_special(text)) {
      pairs_[index].banned = true;
      update(index);
      return;
    }
    const int32_t joined = tokens_.add(text);
    counts_.resize(tokens_.size());
    pairs_of_.resize(tokens_.size());
    std::vector<uint32_t> places = std::exchange(pairs_[index].places, {});
    std::sort(places.begin(), places.end());
    const auto lose = [&](TokenPair pair, uint64_t count) { pairs_[*index_.find(pair) - 1].count -= count; };
    for (const uint32_t place : places) {
      const uint64_t count =
          symbols_.join(place, ids, joined, lose, [&](TokenPair pair, uint64_t won, uint32_t at) { add(pair, won, at); });
      if (count == 0) continue;
      lose(ids, count);
      count_of(ids.left) -= count;
      count_of(ids.right) -= count;
      count_of(joined) += count;
      total_ -= count;
    }
    for (const int32_t token : {ids.left, ids.right, joined}) update_pairs_of(token);
  }

  // Also removes pairs that no longer exist.
  void update_pairs_of(int32_t token) {
    std::erase_if(pairs_of(token), [&](uint32_t index) {
      update(index);
      Pair& pair = pairs_[index];
      if (pair.count > 0) return false;
      pair.in_list[pair.ids.left == token ? 0 : 1] = false;
      return true;
    });
  }

  const WordPieceScore score_;
  const LearnOptions& options_;
  TokenTable tokens_;
  WordSymbols symbols_;
  size_t alphabet_;
  uint64_t total_ = 0;                           // pieces of the corpus
  std::vector<uint64_t> counts_;                 // by token
  std::vector<std::vector<uint32_t>> pairs_of_;  // by token
  std::vector<Pair> pairs_;
  PairMap<uint32_t> index_;  // of a pair in pairs_, plus one
  std::map<uint64_t, PairHeap> heaps_;
};

}  // namespace

TrainedWordPieces learn_word_pieces(std::span<const WordCount> words, WordPieceScore score, const LearnOptions& options) {
  if (score != WordPieceScore::frequency) return WordPieceLearner(words, score, options).run();
  TrainedBpe trained = learn_bpe(words, options);
  return {std::move(trained.tokens), trained.alphabet};
}

}  // namespace qkv
