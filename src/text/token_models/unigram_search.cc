// Viterbi's algorithm, forward, with one table entry for each byte of a window of the text.
#include <algorithm>
#include <cmath>
#include <type_traits>
#include <vector>

#include "text/token_models/unigram_model.h"
#include "text/token_models/unigram_output.h"

namespace qkv {
namespace {

// Nodes of a window. When it is full, the search writes the decided part and moves the window: from kFull on at a place that no piece
// spans, which exists near every word; from kOverfull on it determines how far all paths agree.
constexpr size_t kFull = size_t{1} << 12, kOverfull = size_t{1} << 16;

// The end of a piece, and the best path to it.
template <typename Score>
struct Node {
  static constexpr int32_t kUnreached = -1;
  Score score = 0;
  int32_t id = kUnreached;  // of the last piece
  uint32_t length = 0;      // of the last piece, in bytes; once the path is chosen, of the piece that begins here
};

}  // namespace

template <typename Score>
class UnigramModel::Search {
 public:
  // `score`: the sum before the text.
  Search(const UnigramModel& model, std::string_view text, Score score, Output& output, std::vector<Node<Score>>& nodes)
      : model_(model), text_(text), output_(output), nodes_(nodes), reserve_(std::max<size_t>(model.trie_.longest(), 4)) {
    nodes_.clear();
    make_room(0);
    nodes_[0].score = score;
  }

  // Returns the score at the end.
  Score run() {
    size_t place = 0;
    size_t reach = 0;  // the furthest end of a piece that begins before `place`
    while (place < text_.size()) {
      if (place >= full_) move_window(place, reach);
      Node<Score>* const here = &nodes_[place - first_];
      if constexpr (std::is_same_v<Score, float>) {
        if (std::abs(here->score) > kMostFloatSum) [[unlikely]]
          move_back(place, reach);
      }
      const double so_far = here->score;
      const auto see = [&](int32_t id, size_t length, double score) {
        Node<Score>& node = here[length];
        reach = std::max(reach, place + length);
        const auto longer = static_cast<Score>(so_far + score);
        if (node.id != Node<Score>::kUnreached && !(longer > node.score)) return;
        if (id == kMissing) fail_without_unk();
        node = {longer, id, static_cast<uint32_t>(length)};
      };
      model_.for_each_piece(text_, place, see, output_.hidden());
      place += std::min(utf8_length(text_[place]), text_.size() - place);
    }
    write(place);
    return nodes_[place - first_].score;
  }

 private:
  [[gnu::noinline]] void move_window(size_t place, size_t reach) {
    if (reach == place) {
      write(place);
      const Score score = nodes_[place - first_].score;
      nodes_.clear();
      first_ = place;
      make_room(place);
      nodes_[0].score = score;
      overfull_ = kOverfull;
      return;
    }
    if (place - first_ >= overfull_) {
      const size_t common = common_place(place, reach);
      write(common);
      nodes_.erase(nodes_.begin(), nodes_.begin() + static_cast<ptrdiff_t>(common - first_));
      first_ = common;
      overfull_ = std::max(kOverfull, 2 * (place - first_));
    }
    make_room(place);
    full_ = place + 1;  // the next place may be one that no piece spans
  }

  // Subtracts the sum at `place` from all sums from there on, as sentencepiece does when floats become too coarse.
  void move_back(size_t place, size_t reach) {
    const Score offset = nodes_[place - first_].score;
    nodes_[place - first_].score = 0;
    for (size_t i = place + 1; i <= reach; ++i) {
      if (Node<Score>& node = nodes_[i - first_]; node.id != Node<Score>::kUnreached) node.score -= offset;
    }
  }

  // Makes room for nodes of kFull places from `place` on, and for the pieces that begin there.
  void make_room(size_t place) {
    const size_t needed = std::min(text_.size(), place + reserve_) - first_ + 1;
    if (nodes_.size() < needed) {
      const size_t size = std::min(text_.size(), place + reserve_ + kFull) - first_ + 1;
      if (nodes_.capacity() < size) nodes_.reserve(std::min(2 * size, text_.size() - first_ + 1));
      nodes_.resize(size);
    }
    full_ = first_ + kFull;
  }

  // Writes the best path from the window's beginning to `last`: reversed from the end, then written forward.
  void write(size_t last) {
    uint32_t length = nodes_[last - first_].length;
    for (size_t end = last; end > first_;) {
      end -= length;
      std::swap(length, nodes_[end - first_].length);
    }
    for (size_t begin = first_; begin < last;) {
      const size_t end = begin + nodes_[begin - first_].length;
      output_.push(nodes_[end - first_].id, begin, end);
      begin = end;
    }
  }

  // The last place on all paths. Every path continues from a node between `place` and `reach`; from right to left, each of these is
  // replaced by its predecessor until one is left.
  size_t common_place(size_t place, size_t reach) const {
    std::vector<bool> alive(reach - first_ + 1);
    size_t count = 0;
    for (size_t i = place - first_; i < alive.size(); ++i) {
      alive[i] = nodes_[i].id != Node<Score>::kUnreached;
      count += alive[i];
    }
    size_t last = alive.size() - 1;
    for (; count > 1; --last) {
      if (!alive[last]) continue;
      const size_t before = last - nodes_[last].length;
      if (alive[before]) --count;
      alive[before] = true;
    }
    while (!alive[last]) --last;
    return first_ + last;
  }

  const UnigramModel& model_;
  std::string_view text_;
  Output& output_;
  std::vector<Node<Score>>& nodes_;  // nodes_[i] is the place first_ + i
  const size_t reserve_;             // bytes of the longest piece or character
  size_t first_ = 0;                 // the window's beginning: all paths pass through it, and everything before it is written
  size_t full_ = 0;                  // the place at which to check whether the window can move
  size_t overfull_ = kOverfull;
};

template <typename Score>
Score UnigramModel::search(std::string_view text, Score score, Output& output) const {
  static thread_local std::vector<Node<Score>> nodes;  // reused by the next text
  score = Search<Score>(*this, text, score, output, nodes).run();
  if (nodes.capacity() > 2 * kOverfull) nodes = {};
  return score;
}

template float UnigramModel::search<float>(std::string_view text, float score, Output& output) const;
template double UnigramModel::search<double>(std::string_view text, double score, Output& output) const;

}  // namespace qkv
