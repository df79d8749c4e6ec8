// Unigram in single precision, word by word.
//
// sentencepiece sums the scores of a whole line in floats, so the text before a word affects the rounding of the sums over its
// segmentations and thus decides between close ones. Rounding is monotonic, so the search finds the segmentation with the highest rounded
// sum; with n additions to a sum of size s its error is at most n s 2^-24. A segmentation that is better than all others of its word by
// more than twice that wins after any text whose sum is no larger.
#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <limits>

#include "text/token_models/sentencepiece_symbols.h"
#include "text/token_models/unigram_model.h"
#include "text/token_models/unigram_output.h"

namespace qkv {

// No piece may extend beyond the space symbol of the next word, no unknown character may begin a word (it would merge with those at the end
// of the previous word), and sums must only fall, so that no partial sum is larger than the whole.
bool UnigramModel::can_cut_at_spaces(const std::vector<UnigramPiece>& pieces) const {
  if (unk_id_ == kMissing || trie_.find(kSpaceSymbol) < 0 || unk_score_ > 0) return false;
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (pieces[id].kind == UnigramPiece::Kind::hidden) continue;
    std::string_view rest = pieces[id].token;
    while (rest.starts_with(kSpaceSymbol)) rest.remove_prefix(kSpaceSymbol.size());
    if (rest.find(kSpaceSymbol) != std::string_view::npos || scores_[id] > 0) return false;
  }
  return true;
}

void UnigramModel::tokenize_words(std::string_view text, std::vector<int32_t>& ids) const {
  float score = 0;
  std::vector<int32_t> way;
  WordQueue queue(cache_, [&](std::string_view word, const WordCache::Key& key) { score = append_word(word, key, score, way, ids); });
  for (size_t begin = 0; begin < text.size();) {
    size_t end = begin;
    while (text.substr(end).starts_with(kSpaceSymbol)) end += kSpaceSymbol.size();
    end = std::min(text.find(kSpaceSymbol, end), text.size());
    queue.push(text.substr(begin, end - begin));
    begin = end;
  }
  queue.finish();
}

// `score` is the sum before the word; returns the sum after it. `way` is scratch.
float UnigramModel::append_word(std::string_view word, const WordCache::Key& key, float score, std::vector<int32_t>& way,
                                std::vector<int32_t>& ids) const {
  const size_t before = ids.size();
  // Near the threshold at which the sum is reset, every place of the word is checked; no sum is below that of unknown characters alone.
  const bool moved_back = score + static_cast<double>(word.size()) * unk_score_ < -kMostFloatSum;
  if (key.size > 0 && !moved_back) {
    if (!cache_.find(key, ids)) {
      find_best(word, ids);
      cache_.keep(key, std::span(ids).subspan(before));
    }
    const float margin = std::bit_cast<float>(ids.back());
    ids.pop_back();
    float sum = score;
    bool unknown = false;
    for (size_t i = before; i < ids.size(); ++i) {
      unknown = unknown || ids[i] == unk_id_;
      sum = static_cast<float>(sum + (ids[i] == unk_id_ ? unk_score_ : scores_[static_cast<size_t>(ids[i])]));
    }
    // Four times the bound, for as many additions as the word has bytes.
    if (margin > static_cast<float>(word.size()) * std::abs(sum) * 0x1p-21f) {
      if (unknown) {
        way.assign(ids.begin() + static_cast<ptrdiff_t>(before), ids.end());
        ids.resize(before);
        write_way(word, way, ids);
      }
      return sum;
    }
    ids.resize(before);
  }
  Output output(*this, word, ids, nullptr);
  score = search<float>(word, score, output);
  output.finish();
  return score;
}

// Writes a segmentation that contains unknown characters one by one.
void UnigramModel::write_way(std::string_view word, std::span<const int32_t> way, std::vector<int32_t>& ids) const {
  Output output(*this, word, ids, nullptr);
  size_t begin = 0;
  for (const int32_t id : way) {
    const size_t end = begin + (id == unk_id_ ? utf8_length(word[begin]) : vocabulary_.token(id).size());
    output.push(id, begin, end);
    begin = end;
  }
  output.finish();
}

// Appends the best segmentation of a short word, in double precision, with an unknown piece for each unknown character, followed by the
// bits of a float: how much better it is than any other.
void UnigramModel::find_best(std::string_view word, std::vector<int32_t>& ids) const {
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  struct Node {
    double best = kNone, second = kNone;
    int32_t id = -1;
    size_t length = 0;
  };
  std::array<Node, WordCache::kMaxWord + 1> nodes{};
  nodes[0].best = 0;
  for (size_t place = 0; place < word.size(); place += utf8_length(word[place])) {
    for_each_piece(word, place, [&](int32_t id, size_t length, double score) {
      Node& node = nodes[place + length];
      const double sum = nodes[place].best + score;
      if (sum > node.best) {
        node = {sum, node.best, id, length};
      } else {
        node.second = std::max(node.second, sum);
      }
    });
  }
  // Any other segmentation, seen from the word's end, has a last node in common with the best one that it reaches by another path.
  double margin = std::numeric_limits<double>::infinity();
  const auto before = static_cast<ptrdiff_t>(ids.size());
  for (size_t end = word.size(); end > 0; end -= nodes[end].length) {
    ids.push_back(nodes[end].id);
    margin = std::min(margin, nodes[end].best - nodes[end].second);
  }
  std::reverse(ids.begin() + before, ids.end());
  ids.push_back(std::bit_cast<int32_t>(static_cast<float>(margin)));
}

}  // namespace qkv
