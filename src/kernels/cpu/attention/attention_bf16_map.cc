// Rows of the attention map, rebuilt from the saved log-sum-exp with the same products as in the forward.
#include "kernels/cpu/attention/attention_bf16-inl.h"
#include "kernels/cpu/attention/attention_bf16.h"
#include "kernels/cpu/cpu.h"

QKV_BF16_BEGIN
namespace qkv::cpu {
namespace {

// Writes the weights of queries [first, first + count), count <= kBlockQueries, to rows [first - first_query, ...) of the map.
template <typename Tiles>
class Bf16AttentionMap {
 public:
  Bf16AttentionMap(const AttentionMapParams& params, int64_t first_query, int64_t query_count)
      : params_(params),
        forward_(params.forward),
        head_(forward_, params.segment, params.head),
        sight_(forward_, head_),
        first_(first_query),
        count_(query_count),
        depth_(round_up(head_.size, 32)) {
    Arena arena(scratch_bytes(Scratch::attention_block, depth_ * (kBlockQueries + kStripKeys) * 2 + kStripKeys * kBlockQueries * 4 + 4096));
    queries_ = arena.take<uint32_t>(depth_ / 2 * kBlockQueries);
    keys_ = arena.take<bf16>(depth_ * kStripKeys);
    scores_ = arena.take<float>(kStripKeys * kBlockQueries);
    const bf16* pointers[kBlockQueries];
    HeadPointers::queries(forward_.q, head_, first_, first_ + count_, kBlockQueries, pointers);
    for (int64_t half = 0; half < 2; ++half) pairs_along_rows(pointers + 16 * half, head_.size, queries_ + 16 * half, kBlockQueries);
    read_saved_rows(forward_, head_, first_, count_, saved_);
  }

  void run() {
    for (int64_t key = 0; key < head_.keys; key += kStripKeys) {
      const bf16* pointers[kStripKeys];
      HeadPointers::keys(forward_, forward_.k, params_.segment, head_, key, kStripKeys, pointers);
      for (int64_t j = 0; j < kStripKeys; ++j) copy_row(pointers[j], head_.size, keys_ + j * depth_);
      multiply<Tiles>({.a = keys_,
                       .a_step = 2 * depth_,
                       .b = queries_,
                       .b_step = 4 * kBlockQueries,
                       .c = scores_,
                       .c_step = kBlockQueries,
                       .rows = 2,
                       .columns = 2,
                       .depth = depth_ / 32,
                       .accumulate = false});
      weigh(key);
    }
    for (int64_t i = 0; i < count_; ++i) normalize(params_.weights.row<float>(first_ - params_.first_query + i));
  }

 private:
  void weigh(int64_t key) {
    const int64_t at = head_.position(first_);
    if (has_rules(forward_)) apply_rules(forward_, head_, at, key, kStripKeys, scores_, nullptr);
    if (saved_.shifted) subtract_base(scores_, kStripKeys, saved_.base);
    for (int half = 0; half < 2; ++half) {
      const Exponential power = exponential_of(forward_, saved_, half);
      for (int64_t j = 0; j < std::min(kStripKeys, head_.keys - key); ++j) {
        const auto seen = static_cast<__mmask16>(sight_.lanes(at + 16 * half, key + j));
        alignas(64) float weights[16];
        _mm512_store_ps(weights, power.value(_mm512_loadu_ps(scores_ + j * kBlockQueries + 16 * half), seen));
        for (int64_t i = 16 * half; i < std::min<int64_t>(count_, 16 * half + 16); ++i)
          params_.weights.row<float>(first_ - params_.first_query + i)[key + j] = weights[i - 16 * half];
      }
    }
  }

  // The forward divides by the sum of rounded weights; the map's weights are not rounded and need their own sum.
  void normalize(float* row) const {
    double sum = 0;
    for (int64_t j = 0; j < head_.keys; ++j) sum += row[j];
    for (int64_t j = 0; j < head_.keys && sum > 0; ++j) row[j] = static_cast<float>(row[j] / sum);
  }

  const AttentionMapParams& params_;
  const AttentionParams& forward_;
  HeadOfSequence head_;
  Sight sight_;
  int64_t first_, count_, depth_;
  SavedRows saved_;
  uint32_t* queries_;  // [depth / 2][kBlockQueries] pairs
  bf16* keys_;         // [kStripKeys][depth]
  float* scores_;      // [kStripKeys][kBlockQueries]
};

}  // namespace
}  // namespace qkv::cpu
QKV_BF16_END

namespace qkv::cpu {

void attention_bf16_map(const AttentionMapParams& m) {
  const TileRegisters tiles;
  for (int64_t row = 0; row < m.weights.rows; row += kBlockQueries) {
    const int64_t first = m.first_query + row, count = std::min(kBlockQueries, m.weights.rows - row);
    if (current_isa() == Isa::amx) {
      Bf16AttentionMap<AmxTiles>(m, first, count).run();
    } else {
      Bf16AttentionMap<Avx512Tiles>(m, first, count).run();
    }
  }
}

}  // namespace qkv::cpu
