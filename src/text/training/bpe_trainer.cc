#include "text/training/bpe_trainer.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/cancellation.h"

namespace qkv {
namespace {

struct Occurrences {
  TokenPair pair;
  uint64_t count;                // count of the pair when this entry was made; it may have changed since
  std::vector<uint32_t> places;  // of the pair's left symbol; some may be out of date
};

// Places of pairs, grouped by pair.
struct PlacesByPair {
  struct List {
    TokenPair pair;
    std::vector<uint32_t> places;
  };
  std::vector<List> lists;
  PairMap<uint32_t> index;  // of a pair in `lists`, plus one

  void add(TokenPair pair, uint32_t place) {
    uint32_t& at = index[pair];
    if (at == 0) {
      lists.push_back({pair, {}});
      at = static_cast<uint32_t>(lists.size());
    }
    lists[at - 1].places.push_back(place);
  }
};

// True if entry a is merged after entry b.
bool waits_longer(const Occurrences& a, const Occurrences& b) { return a.count != b.count ? a.count < b.count : a.pair > b.pair; }

class BpeLearner {
 public:
  BpeLearner(std::span<const WordCount> words, const LearnOptions& options)
      : options_(options),
        tokens_(options.special_tokens),
        symbols_(words, choose_alphabet(words, options), options, tokens_),
        alphabet_(tokens_.size() - options.special_tokens.size()) {
    PlacesByPair found;
    symbols_.visit([](int32_t, uint64_t) {},
                   [&](TokenPair pair, uint64_t count, uint32_t place) {
                     pair_counts_[pair] += count;
                     found.add(pair, place);
                   });
    push_all(found);
  }

  TrainedBpe run() {
    TrainedBpe trained;
    trained.alphabet = alphabet_;
    while (tokens_.size() < options_.vocab_size && !queue_.empty()) {
      if (trained.merges.size() % 256 == 0) {
        throw_if_cancelled(options_.cancellation);
        if (options_.progress) options_.progress(fmt::format("{} of {} tokens", tokens_.size(), options_.vocab_size));
      }
      std::pop_heap(queue_.begin(), queue_.end(), waits_longer);
      Occurrences top = std::move(queue_.back());
      queue_.pop_back();
      const uint64_t count = pair_counts_[top.pair];
      if (top.count != count) {
        top.count = count;
        push(std::move(top));
        continue;
      }
      if (count < std::max<uint64_t>(1, options_.min_frequency)) break;
      join(top, trained.merges);
    }
    trained.tokens = tokens_.take();
    return trained;
  }

 private:
  void push(Occurrences&& occurrences) {
    if (occurrences.count == 0) return;
    queue_.push_back(std::move(occurrences));
    std::push_heap(queue_.begin(), queue_.end(), waits_longer);
  }

  void push_all(PlacesByPair& found) {
    for (auto& [pair, places] : found.lists) push({pair, pair_counts_[pair], std::move(places)});
  }

  void join(Occurrences& top, std::vector<BpeMerge>& merges) {
    const std::string text = tokens_.joined(top.pair, options_.continuing_prefix);
    if (tokens_.is_special(text)) return;
    const int32_t joined = tokens_.add(text);
    merges.push_back({top.pair, joined});
    if (!std::is_sorted(top.places.begin(), top.places.end())) std::sort(top.places.begin(), top.places.end());
    PlacesByPair created;
    for (const uint32_t place : top.places) {
      symbols_.join(
          place, top.pair, joined, [&](TokenPair pair, uint64_t count) { pair_counts_[pair] -= count; },
          [&](TokenPair pair, uint64_t count, uint32_t at) {
            pair_counts_[pair] += count;
            created.add(pair, at);
          });
    }
    push_all(created);
  }

  const LearnOptions& options_;
  TokenTable tokens_;
  WordSymbols symbols_;
  size_t alphabet_;
  PairMap<uint64_t> pair_counts_;
  std::vector<Occurrences> queue_;  // a heap
};

}  // namespace

TrainedBpe learn_bpe(std::span<const WordCount> words, const LearnOptions& options) { return BpeLearner(words, options).run(); }

}  // namespace qkv
