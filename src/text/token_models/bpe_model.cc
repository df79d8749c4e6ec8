#include "text/token_models/bpe_model.h"

#include <algorithm>
#include <numeric>

#include "base/error.h"
#include "base/utf8.h"
#include "text/token_models/byte_fallback.h"

namespace qkv {
namespace {

constexpr char32_t kDirectCharacters = 0x3000;  // covers alphabets, punctuation and ▁; 48 KiB
constexpr size_t kShortWord = 32;               // up to here rescanning all pairs is faster than a heap
constexpr size_t kWindow = size_t{1} << 16;     // longer words are merged in windows that stay in the cache
constexpr size_t kOverlap = size_t{1} << 12;    // consecutive windows overlap by so many symbols
constexpr uint32_t kNoRank = UINT32_MAX;

}  // namespace

BpeModel::BpeModel(Vocabulary vocabulary, const std::vector<BpeMerge>& merges, BpeOptions options, const std::vector<uint32_t>& ranks)
    : vocabulary_(std::move(vocabulary)), options_(std::move(options)), merges_(merges.size()), characters_(kDirectCharacters, -1) {
  for (size_t i = 0; i < merges.size(); ++i) {
    merges_[merges[i].pair] = {ranks.empty() ? static_cast<uint32_t>(i) : ranks[i], merges[i].result};
  }
  std::string text;
  for (char32_t c = 0; c < kDirectCharacters; ++c) {
    text.clear();
    append_utf8(text, c);
    characters_[c] = vocabulary_.id(text);
  }
  for (size_t byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.id(byte_token(static_cast<unsigned char>(byte)));
}

void BpeModel::tokenize(std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const {
  if (word.empty()) return;
  if (options_.ignore_merges) {
    if (const int32_t id = vocabulary_.id(word); id >= 0) {
      ids.push_back(id);
      if (spans) spans->push_back({0, word.size()});
      return;
    }
  }
  const bool merging = merges_.size() > 0, cached = merging && !spans;
  if (cached && cache_.find(word, ids)) return;
  static thread_local Symbols scratch;
  Symbols own;  // a long word's symbols are not kept after the call
  std::vector<Span> own_spans;
  Symbols& symbols = word.size() <= 4096 && !spans ? scratch : own;
  symbols.ids.clear();
  if (spans) symbols.spans = &own_spans;
  first_symbols(word, symbols);
  if (merging) merge(symbols);
  if (cached) cache_.keep(word, symbols.ids);
  ids.insert(ids.end(), symbols.ids.begin(), symbols.ids.end());
  if (spans) spans->insert(spans->end(), own_spans.begin(), own_spans.end());
}

// The tokens of the single characters. A `pending` unk token is written before the next token of the vocabulary; byte tokens are written
// before it, as in `tokenizers`.
void BpeModel::first_symbols(std::string_view word, Symbols& symbols) const {
  bool pending = false;
  Span unknown;
  const auto flush = [&] {
    if (pending) symbols.push(unk_id(), unknown);
    pending = false;
  };
  std::string decorated;
  for (size_t i = 0; i < word.size();) {
    const size_t length = utf8_length(word[i]);
    const Span span{i, i + length};
    std::string_view token = word.substr(i, length);
    const bool prefixed = i > 0 && !options_.continuing_subword_prefix.empty();
    const bool suffixed = i + length == word.size() && !options_.end_of_word_suffix.empty();
    int32_t id;
    if (prefixed || suffixed) {
      decorated = prefixed ? options_.continuing_subword_prefix : "";
      decorated.append(token);
      if (suffixed) decorated.append(options_.end_of_word_suffix);
      token = decorated;
      id = vocabulary_.id(token);
    } else {
      const char32_t character = character_at(word, i).code_point;
      id = character < kDirectCharacters ? characters_[character] : vocabulary_.id(token);
    }
    if (id >= 0) {
      flush();
      symbols.push(id, span);
    } else if (!(options_.byte_fallback && append_bytes(token, span, symbols)) && options_.unk_token) {
      if (!options_.fuse_unk) flush();
      unknown = {pending ? unknown.begin : i, i + length};
      pending = true;
    }
    i += length;
  }
  flush();
}

int32_t BpeModel::unk_id() const {
  const int32_t id = vocabulary_.id(*options_.unk_token);
  if (id < 0) {
    fail(ErrorCode::bad_input, "the tokenizer meets a character outside of its vocabulary, and its unk_token \"{}\" is not in it either",
         shortened(*options_.unk_token));
  }
  return id;
}

bool BpeModel::append_bytes(std::string_view token, Span span, Symbols& symbols) const {
  const auto id = [&](char c) { return byte_ids_[static_cast<unsigned char>(c)]; };
  if (std::any_of(token.begin(), token.end(), [&](char c) { return id(c) < 0; })) return false;
  for (const char c : token) symbols.push(id(c), span);
  return true;
}

void BpeModel::merge(Symbols& word) const {
  if (word.ids.size() >= UINT32_MAX) {
    fail(ErrorCode::unsupported, "a word of {} characters is too long; part the text by spaces", word.ids.size());
  }
  if (word.ids.size() <= kShortWord) return merge_short(word);
  if (word.ids.size() <= kWindow || !merge_windows(word)) merge_long(word);
}

// Merges the pair of lowest rank, the leftmost of several, until no pair has a rank.
void BpeModel::merge_short(Symbols& word) const {
  std::vector<int32_t>& symbols = word.ids;
  std::array<Ranked, kShortWord> pairs;  // pairs[i]: of symbols i and i + 1
  const auto look_up = [&](size_t i) {
    const Ranked* found = merges_.find({symbols[i], symbols[i + 1]});
    pairs[i] = found ? *found : Ranked{kNoRank, -1};
  };
  for (size_t i = 0; i + 1 < symbols.size(); ++i) look_up(i);
  while (symbols.size() > 1) {
    const size_t count = symbols.size() - 1;
    size_t best = 0;
    for (size_t i = 1; i < count; ++i) {
      if (pairs[i].rank < pairs[best].rank) best = i;
    }
    if (pairs[best].rank == kNoRank) return;
    symbols[best] = pairs[best].result;
    const auto gone = static_cast<ptrdiff_t>(best) + 1;
    symbols.erase(symbols.begin() + gone);
    if (word.spans) {
      (*word.spans)[best].end = (*word.spans)[best + 1].end;
      word.spans->erase(word.spans->begin() + gone);
    }
    std::copy(pairs.begin() + static_cast<ptrdiff_t>(best) + 1, pairs.begin() + static_cast<ptrdiff_t>(count),
              pairs.begin() + static_cast<ptrdiff_t>(best));
    if (best > 0) look_up(best - 1);
    if (best + 1 < symbols.size()) look_up(best);
  }
}

// Merges with a heap of pairs and a linked list of symbols. A pair in the heap is out of date if its left symbol is gone or the pair that
// now begins there has another rank.
void BpeModel::merge_long(Symbols& word) const {
  std::vector<int32_t>& symbols = word.ids;
  constexpr uint32_t kEnd = UINT32_MAX;
  const auto count = static_cast<uint32_t>(symbols.size());
  std::vector<uint32_t> next(count), previous(count);
  std::iota(next.begin(), next.end(), 1u);
  next.back() = kEnd;
  std::iota(previous.begin(), previous.end(), kEnd);  // kEnd, 0, 1, …: the addition wraps around

  const auto ranked = [&](uint32_t i) -> const Ranked* { return next[i] == kEnd ? nullptr : merges_.find({symbols[i], symbols[next[i]]}); };
  // Rank in the upper half, place in the lower: the smallest is merged next.
  std::vector<uint64_t> heap;
  for (uint32_t i = 0; i < count; ++i) {
    if (const Ranked* pair = ranked(i)) heap.push_back(static_cast<uint64_t>(pair->rank) << 32 | i);
  }
  const std::greater<> smallest_first;
  std::make_heap(heap.begin(), heap.end(), smallest_first);
  const auto push = [&](uint32_t i) {
    if (const Ranked* pair = ranked(i)) {
      heap.push_back(static_cast<uint64_t>(pair->rank) << 32 | i);
      std::push_heap(heap.begin(), heap.end(), smallest_first);
    }
  };
  while (!heap.empty()) {
    std::pop_heap(heap.begin(), heap.end(), smallest_first);
    const uint64_t entry = heap.back();
    heap.pop_back();
    const auto i = static_cast<uint32_t>(entry);
    const Ranked* pair = symbols[i] < 0 ? nullptr : ranked(i);
    if (!pair || pair->rank != entry >> 32) continue;
    const uint32_t gone = next[i];
    symbols[i] = pair->result;
    symbols[gone] = -1;
    if (word.spans) (*word.spans)[i].end = (*word.spans)[gone].end;
    next[i] = next[gone];
    if (next[i] != kEnd) previous[next[i]] = i;
    push(i);
    if (previous[i] != kEnd) push(previous[i]);
  }
  if (word.spans) {
    size_t kept = 0;
    for (uint32_t i = 0; i < count; ++i) {
      if (symbols[i] >= 0) (*word.spans)[kept++] = (*word.spans)[i];
    }
    word.spans->resize(kept);
  }
  std::erase(symbols, -1);
}

// Merges a very long word window by window. If the tokens of two overlapping windows have one in common, the first window's tokens up to it
// and the second's from it on are the tokens of both together.
//
// Proof: tokens t1 … tk are those of their text if and only if each two neighbours are those of theirs. Assume that merging the whole text
// merges something across the end of some ti, and consider the first time. Until then merges happened only within tokens, so within ti and
// ti+1 the same as if there were only these two; and the pair that is merged, the first of all, is the first of these two as well. So
// merging the two alone merges it, too, and they are not its result. (The converse has the same argument.)
//
// Returns false, and does nothing, if two windows have no token in common.
bool BpeModel::merge_windows(Symbols& word) const {
  std::vector<int32_t> ids;
  std::vector<uint32_t> ends;  // of the tokens so far, in symbols
  const size_t size = word.ids.size();
  for (size_t first = 0;;) {  // the token that the window begins with
    const size_t begin = first == 0 ? 0 : ends[first - 1], end = std::min(size, begin + kWindow);
    std::vector<Span> places;
    Symbols window{{word.ids.begin() + static_cast<ptrdiff_t>(begin), word.ids.begin() + static_cast<ptrdiff_t>(end)}, &places};
    for (size_t i = begin; i < end; ++i) places.push_back({i, i + 1});
    merge_long(window);
    size_t known = first, same = 0;
    while (known < ids.size() && same < places.size()) {
      const Span span{known == 0 ? 0 : ends[known - 1], ends[known]};
      if (span == places[same]) break;
      span.end < places[same].end ? ++known : ++same;
    }
    if (begin > 0 && (known == ids.size() || same == places.size())) return false;
    ids.resize(known);
    ends.resize(known);
    ids.insert(ids.end(), window.ids.begin() + static_cast<ptrdiff_t>(same), window.ids.end());
    for (size_t i = same; i < places.size(); ++i) ends.push_back(static_cast<uint32_t>(places[i].end));
    if (end == size) break;
    const auto next = std::lower_bound(ends.begin() + static_cast<ptrdiff_t>(first), ends.end(), end - kOverlap);
    first = static_cast<size_t>(next - ends.begin()) + 1;
    if (first >= ends.size()) return false;
  }
  word.ids = std::move(ids);
  if (!word.spans) return true;
  std::vector<Span>& spans = *word.spans;
  for (size_t i = 0; i < ends.size(); ++i) spans[i] = {spans[i == 0 ? 0 : ends[i - 1]].begin, spans[ends[i] - 1].end};
  spans.resize(ends.size());
  return true;
}

}  // namespace qkv
