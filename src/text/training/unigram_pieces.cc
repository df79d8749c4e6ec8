#include "text/training/unigram_pieces.h"

#include <algorithm>
#include <cmath>
#include <span>

#include "text/training/suffix_array.h"

namespace qkv {
namespace {

// Occurrences in the corpus of all suffixes before each one.
std::vector<uint64_t> counts_before(const WordCorpus& corpus, std::span<const uint32_t> suffixes) {
  std::vector<uint32_t> segment_of(corpus.text.size(), UnigramPieces::kNone);
  for (uint32_t i = 0; i < corpus.segments.size(); ++i) {
    const auto& [begin, length, count] = corpus.segments[i];
    std::fill_n(segment_of.begin() + begin, length, i);
  }
  std::vector<uint64_t> before{0};
  before.reserve(suffixes.size() + 1);
  for (const uint32_t suffix : suffixes) {
    before.push_back(before.back() + (segment_of[suffix] == UnigramPieces::kNone ? 0 : corpus.segments[segment_of[suffix]].count));
  }
  return before;
}

}  // namespace

UnigramPieces choose_seed(const WordCorpus& corpus, const std::u32string& alphabet, const UnigramTrainerOptions& options) {
  const uint32_t longest = std::max(1u, options.max_piece_length);
  std::vector<uint32_t> suffixes = sorted_suffixes(corpus.text, longest + 1);
  std::vector<uint64_t> before = counts_before(corpus, suffixes);
  const PieceRules rules(alphabet, options);
  struct Candidate {
    RepeatedSubstring substring;
    uint64_t count;
    uint64_t worth() const { return count * substring.length; }
  };
  std::vector<Candidate> characters, others;
  for (const RepeatedSubstring& substring : repeated_substrings(corpus.text, suffixes, longest)) {
    const uint64_t count = before[substring.last] - before[substring.first];
    if (substring.length == 1 || count < 2) continue;
    if (rules.allows(std::span(corpus.text).subspan(suffixes[substring.first], substring.length))) others.push_back({substring, count});
  }
  for (uint32_t first = 0, last = 0; first < suffixes.size(); first = last) {
    const uint32_t character = corpus.text[suffixes[first]];
    while (last < suffixes.size() && corpus.text[suffixes[last]] == character) ++last;
    if (character != 0) characters.push_back({{first, last, 1}, before[last] - before[first]});
  }
  if (others.size() > options.seed_size) {
    std::stable_sort(others.begin(), others.end(), [](const Candidate& a, const Candidate& b) { return a.worth() > b.worth(); });
    others.resize(options.seed_size);
  }
  others.insert(others.end(), characters.begin(), characters.end());
  std::sort(others.begin(), others.end(), [](const Candidate& a, const Candidate& b) {
    const RepeatedSubstring &x = a.substring, &y = b.substring;
    if (x.first != y.first) return x.first < y.first;
    return x.last != y.last ? x.last > y.last : x.length < y.length;
  });
  // Now prefixes come before the pieces that begin with them: the substrings open at a suffix are its pieces.
  double total = 0;
  for (const Candidate& each : others) total += static_cast<double>(each.worth());
  UnigramPieces result;
  result.deepest.assign(corpus.text.size(), UnigramPieces::kNone);
  std::vector<uint32_t> open;
  size_t next = 0;
  for (uint32_t i = 0; i < suffixes.size(); ++i) {
    while (!open.empty() && others[open.back()].substring.last <= i) open.pop_back();
    for (; next < others.size() && others[next].substring.first == i; ++next) {
      const RepeatedSubstring& substring = others[next].substring;
      result.pieces.push_back({open.empty() ? UnigramPieces::kNone : open.back(), substring.length, 0, 0});
      result.pieces.back().set_score(std::log(static_cast<double>(others[next].worth()) / total));
      result.texts.push_back({suffixes[i], substring.length == 1});
      open.push_back(static_cast<uint32_t>(next));
    }
    if (!open.empty()) result.deepest[suffixes[i]] = open.back();
  }
  return result;
}

void UnigramPieces::Piece::set_score(double new_score) {
  score = new_score;
  probability = std::exp(new_score);
}

void UnigramPieces::fill_lattice(UnigramLattice& lattice, uint32_t begin, uint32_t length, uint32_t except) const {
  lattice.reset(length);
  for (uint32_t i = 0; i < length; ++i) {
    for (uint32_t id = deepest[begin + i]; id != kNone; id = pieces[id].parent) {
      const Piece& piece = pieces[id];
      if (i + piece.length <= length && id != except) lattice.add(i, i + piece.length, id, piece.score, piece.probability);
    }
  }
}

void UnigramPieces::keep_only(const std::vector<char>& keep) {
  // Index of the kept piece that replaces each piece: itself, or its longest kept prefix.
  std::vector<uint32_t> heir(pieces.size());
  uint32_t size = 0;
  for (uint32_t i = 0; i < pieces.size(); ++i) {
    const uint32_t parent = pieces[i].parent == kNone ? kNone : heir[pieces[i].parent];
    heir[i] = keep[i] ? size : parent;
    if (!keep[i]) continue;
    pieces[size] = pieces[i];
    pieces[size].parent = parent;
    texts[size] = texts[i];
    ++size;
  }
  pieces.resize(size);
  texts.resize(size);
  for (uint32_t& id : deepest) {
    if (id != kNone) id = heir[id];
  }
}

}  // namespace qkv
