#include "text/bpe_merges.h"

#include <algorithm>
#include <map>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/interrupt.h"
#include "text/utf8.h"

namespace qkv {
namespace {

constexpr uint32_t kNone = UINT32_MAX;

struct Occurrences {
  TokenPair pair;
  uint64_t count;                // of the pair when this entry was made; it may have changed since
  std::vector<uint32_t> places;  // of the pair's left symbol; some may be out of date
};

// Places of pairs, collected pair by pair.
struct PlacesByPair {
  struct List {
    TokenPair pair;
    std::vector<uint32_t> places;
  };
  std::vector<List> lists;
  PairMap<uint32_t> index;  // of a pair in `lists`, and one

  void add(TokenPair pair, uint32_t place) {
    uint32_t& at = index[pair];
    if (at == 0) {
      lists.push_back({pair, {}});
      at = static_cast<uint32_t>(lists.size());
    }
    lists[at - 1].places.push_back(place);
  }
};

// Which of two entries waits longer.
bool waits_longer(const Occurrences& a, const Occurrences& b) { return a.count != b.count ? a.count < b.count : a.pair > b.pair; }

class Learner {
 public:
  Learner(std::span<const WordCount> words, const LearnOptions& options) : options_(options) {
    for (const std::string& token : options.special_tokens) {
      add_token(token);
      special_.insert(token);
    }
    choose_alphabet(words);
    lay_out(words);
    count_pairs();
  }

  LearntBpe run() {
    while (learnt_.tokens.size() < options_.vocab_size && !queue_.empty()) {
      if (learnt_.merges.size() % 256 == 0) throw_if_interrupted();
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
      join(top);
    }
    return std::move(learnt_);
  }

 private:
  int32_t add_token(const std::string& token) {
    const auto [place, fresh] = ids_.emplace(token, static_cast<int32_t>(learnt_.tokens.size()));
    if (fresh) learnt_.tokens.push_back(token);
    return place->second;
  }

  void push(Occurrences&& occurrences) {
    if (occurrences.count == 0) return;
    queue_.push_back(std::move(occurrences));
    std::push_heap(queue_.begin(), queue_.end(), waits_longer);
  }

  void push_all(PlacesByPair& found) {
    for (auto& [pair, places] : found.lists) push({pair, pair_counts_[pair], std::move(places)});
  }

  void choose_alphabet(std::span<const WordCount> words) {
    std::map<char32_t, uint64_t> counts;
    for (const auto& [word, count] : words) {
      for (size_t i = 0; i < word.size();) {
        const Character c = character_at(word, i);
        counts[c.code_point] += count;
        i += c.length;
      }
    }
    for (const char32_t c : options_.initial_alphabet) counts[c] = UINT64_MAX;
    std::vector<std::pair<char32_t, uint64_t>> kept(counts.begin(), counts.end());
    if (kept.size() > options_.limit_alphabet) {
      std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
      kept.resize(options_.limit_alphabet);
      std::sort(kept.begin(), kept.end());
    }
    learnt_.alphabet = kept.size();
    for (const auto& [c, count] : kept) {
      std::string token;
      append_utf8(token, c);
      character_ids_[c] = add_token(token);
    }
  }

  // Writes the words one after another as symbols with links to their neighbours; characters outside of the alphabet are left out.
  void lay_out(std::span<const WordCount> words) {
    weights_.reserve(words.size());
    for (const auto& [word, count] : words) {
      if (symbols_.size() + word.size() >= kNone) {
        fail(ErrorCode::unsupported, "the text's different words have more than {} characters; train the tokenizer on a part of the text",
             kNone);
      }
      const size_t begin = symbols_.size();
      for (size_t i = 0; i < word.size();) {
        const Character c = character_at(word, i);
        i += c.length;
        const auto id = character_ids_.find(c.code_point);
        if (id == character_ids_.end()) continue;
        const auto here = static_cast<uint32_t>(symbols_.size());
        const bool first = here == begin;
        if (!first) symbols_.back().next = here;
        symbols_.push_back({id->second, first ? kNone : here - 1, kNone, static_cast<uint32_t>(weights_.size())});
      }
      weights_.push_back(count);
    }
  }

  void count_pairs() {
    PlacesByPair found;
    for (uint32_t i = 0; i < symbols_.size(); ++i) {
      if (symbols_[i].next == kNone) continue;
      const TokenPair pair{symbols_[i].id, symbols_[symbols_[i].next].id};
      pair_counts_[pair] += weight(i);
      found.add(pair, i);
    }
    push_all(found);
  }

  uint64_t weight(uint32_t place) const { return weights_[symbols_[place].word]; }

  void join(Occurrences& top) {
    const std::string text = learnt_.tokens[static_cast<size_t>(top.pair.left)] + learnt_.tokens[static_cast<size_t>(top.pair.right)];
    if (special_.contains(text)) return;
    const int32_t joined = add_token(text);
    learnt_.merges.push_back({top.pair, joined});
    if (!std::is_sorted(top.places.begin(), top.places.end())) std::sort(top.places.begin(), top.places.end());
    PlacesByPair created;
    for (const uint32_t place : top.places) join_at(place, top.pair, joined, created);
    push_all(created);
  }

  void join_at(uint32_t place, TokenPair pair, int32_t joined, PlacesByPair& created) {
    Symbol& left = symbols_[place];
    if (left.id != pair.left || left.next == kNone || symbols_[left.next].id != pair.right) return;
    Symbol& right = symbols_[left.next];
    const uint64_t count = weight(place);
    if (left.previous != kNone) {
      const int32_t before = symbols_[left.previous].id;
      pair_counts_[{before, pair.left}] -= count;
      pair_counts_[{before, joined}] += count;
      created.add({before, joined}, left.previous);
    }
    if (right.next != kNone) {
      const int32_t after = symbols_[right.next].id;
      pair_counts_[{pair.right, after}] -= count;
      pair_counts_[{joined, after}] += count;
      created.add({joined, after}, place);
      symbols_[right.next].previous = place;
    }
    left.id = joined;
    left.next = right.next;
    right.id = -1;
  }

  struct Symbol {
    int32_t id;  // -1: joined with the one before it
    uint32_t previous, next, word;
  };

  const LearnOptions& options_;
  LearntBpe learnt_;
  std::unordered_map<std::string, int32_t> ids_;
  std::unordered_set<std::string> special_;
  std::unordered_map<char32_t, int32_t> character_ids_;
  std::vector<Symbol> symbols_;
  std::vector<uint64_t> weights_;  // of words
  PairMap<uint64_t> pair_counts_;
  std::vector<Occurrences> queue_;  // a heap
};

}  // namespace

LearntBpe learn_bpe(std::span<const WordCount> words, const LearnOptions& options) { return Learner(words, options).run(); }

}  // namespace qkv
