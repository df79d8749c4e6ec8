// All segmentations of one word into pieces, for training Unigram (Kudo 2018, "Subword regularization", section 3.2).
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <vector>

namespace qkv {

// A path's probability is the product of those of its pieces. Positions are 0 to length(); every position but 0 must be the end of a piece
// that begins at a reachable position.
//
// In long words, sums of products of probabilities leave the range of a double. Therefore the probability of reaching a position is stored
// in units of 2^u, with u the rounded binary logarithm of that of the best path to it: addends are then between 2^-2 and 2 for pieces on
// best paths, and lower for others, and the sums stay below 4^length. So words up to kMaxLength neither overflow nor underflow, and all
// rescaling is by powers of two, which is exact.
class UnigramLattice {
 public:
  static constexpr uint32_t kMaxLength = 200;

  struct Edge {
    uint32_t begin, end, piece;
    double probability;
  };

  void reset(uint32_t length) {
    length_ = length;
    edges_.clear();
    best_.assign(length + 1, -std::numeric_limits<double>::infinity());
    arrived_by_.assign(length + 1, 0);
    best_[0] = 0;
  }
  uint32_t length() const { return length_; }

  // Pieces must be added with ascending `begin`. score: the natural logarithm of the probability; at most 0. Of several best paths to a
  // position the one whose last piece was added first is used.
  void add(uint32_t begin, uint32_t end, uint32_t piece, double score, double probability) {
    if (best_[begin] + score > best_[end]) {
      best_[end] = best_[begin] + score;
      arrived_by_[end] = static_cast<uint32_t>(edges_.size());
    }
    edges_.push_back({begin, end, piece, probability});
  }

  double best_score() const { return best_[length_]; }

  // Calls each(piece) for the pieces of the best path, from its end to its beginning.
  template <typename Each>
  void best_way(Each&& each) const {
    for (uint32_t end = length_; end > 0;) {
      const Edge& edge = edges_[arrived_by_[end]];
      each(edge.piece);
      end = edge.begin;
    }
  }

  // Calls each(piece, probability that a random path contains it here) for every edge; returns the natural logarithm of the sum of all
  // paths' probabilities.
  template <typename Each>
  double posteriors(Each&& each) {
    unit_.resize(length_ + 1);
    for (uint32_t i = 0; i <= length_; ++i) unit_[i] = static_cast<int>(std::lround(best_[i] * 1.4426950408889634));  // log2(e)
    forward_.assign(length_ + 1, 0.0);
    backward_.assign(length_ + 1, 0.0);
    forward_[0] = backward_[length_] = 1;
    for (Edge& edge : edges_) {
      edge.probability *= power_of_two(unit_[edge.begin] - unit_[edge.end]);
      forward_[edge.end] += forward_[edge.begin] * edge.probability;
    }
    const double all = forward_[length_];
    for (size_t i = edges_.size(); i-- > 0;) {
      const Edge& edge = edges_[i];
      const double onward = edge.probability * backward_[edge.end];
      backward_[edge.begin] += onward;
      each(edge.piece, forward_[edge.begin] * onward / all);
    }
    return std::log(all) + unit_[length_] * 0.6931471805599453;  // ln(2)
  }

 private:
  static double power_of_two(int exponent) { return std::bit_cast<double>(static_cast<uint64_t>(1023 + exponent) << 52); }

  uint32_t length_ = 0;
  std::vector<Edge> edges_;
  std::vector<double> best_;          // score of the best path to each position
  std::vector<uint32_t> arrived_by_;  // the last edge of that path
  std::vector<int> unit_;
  std::vector<double> forward_, backward_;  // sums over all paths from the beginning and to the end, in their units
};

}  // namespace qkv
