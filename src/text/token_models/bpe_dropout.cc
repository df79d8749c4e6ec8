// Merging with dropout. It is separate from bpe_model.cc, whose merging is optimized for speed.
#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/philox.h"
#include "text/token_models/bpe_model.h"

namespace qkv {

void BpeModel::sample(std::string_view word, const SubwordSampling& how, RandomStream& random, std::vector<int32_t>& ids,
                      std::vector<Span>* spans) const {
  const double dropout = how.dropout.value_or(options_.dropout);
  QKV_REQUIRE(dropout >= 0 && dropout <= 1, "the dropout is {}; it must be between 0 and 1", dropout);
  if (dropout == 0) return tokenize(word, ids, spans);
  Symbols symbols;
  std::vector<Span> own_spans;
  symbols.spans = &own_spans;
  first_symbols(word, symbols);
  merge_dropping(symbols, static_cast<float>(dropout), random);
  ids.insert(ids.end(), symbols.ids.begin(), symbols.ids.end());
  if (spans) spans->insert(spans->end(), own_spans.begin(), own_spans.end());
}

// A linked list of symbols and a heap of merges, as in merge_long. Dropped merges return to the heap after the next merge that is not
// dropped, even if that one is out of date.
void BpeModel::merge_dropping(Symbols& word, float dropout, RandomStream& random) const {
  std::vector<int32_t>& symbols = word.ids;
  constexpr uint32_t kEnd = UINT32_MAX;
  if (symbols.size() >= kEnd) fail(ErrorCode::unsupported, "a word of {} characters is too long; part the text by spaces", symbols.size());
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> next(count), previous(count);
  std::iota(next.begin(), next.end(), 1u);
  if (count > 0) next.back() = kEnd;
  std::iota(previous.begin(), previous.end(), kEnd);  // kEnd, 0, 1, …: the addition wraps around

  struct Merge {
    uint32_t rank, place;  // of the left symbol
    int32_t result;
    bool operator>(const Merge& other) const { return rank != other.rank ? rank > other.rank : place > other.place; }
  };
  std::vector<Merge> heap, passed_over;
  const auto push = [&](const Merge& merge) {
    heap.push_back(merge);
    std::push_heap(heap.begin(), heap.end(), std::greater<>());
  };
  const auto merge_at = [&](uint32_t place) -> const Ranked* {
    return next[place] == kEnd ? nullptr : merges_.find({symbols[place], symbols[next[place]]});
  };
  const auto push_at = [&](uint32_t place) {
    if (const Ranked* merge = merge_at(place)) push({merge->rank, place, merge->result});
  };
  for (uint32_t i = 0; i < count; ++i) push_at(i);
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), std::greater<>());
    const Merge top = heap.back();
    heap.pop_back();
    if (random.uniform() < dropout) {
      passed_over.push_back(top);
      continue;
    }
    for (const Merge& merge : passed_over) push(merge);
    passed_over.clear();
    const Ranked* now = symbols[top.place] < 0 ? nullptr : merge_at(top.place);
    if (!now || now->result != top.result) continue;
    const uint32_t gone = next[top.place];
    symbols[top.place] = top.result;
    symbols[gone] = -1;
    (*word.spans)[top.place].end = (*word.spans)[gone].end;
    next[top.place] = next[gone];
    if (next[gone] != kEnd) previous[next[gone]] = top.place;
    if (previous[top.place] != kEnd) push_at(previous[top.place]);
    push_at(top.place);
  }
  size_t kept = 0;
  for (uint32_t i = 0; i < count; ++i) {
    if (symbols[i] >= 0) (*word.spans)[kept++] = (*word.spans)[i];
  }
  word.spans->resize(kept);
  std::erase(symbols, -1);
}

}  // namespace qkv
