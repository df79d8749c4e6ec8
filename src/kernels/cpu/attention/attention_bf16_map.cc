// Rows of the weights, rebuilt from the saved log-sum-exp by the products that the forward made its scores with.
#include "kernels/cpu/attention/attention_bf16-inl.h"
#include "kernels/cpu/attention/attention_bf16.h"
#include "kernels/cpu/cpu.h"

QKV_BF16_BEGIN
namespace qkv::cpu {
namespace {

// Weights of queries [first, first + count), count <= kBlockQueries, into rows [first - m.first_query, ...) of the map.
template <typename Tiles>
class MapRows {
 public:
  MapRows(const AttentionMapParams& params, int64_t first_query, int64_t query_count)
      : m(params),
        p(params.forward),
        s(p, params.segment, params.head),
        sight(p, s),
        first(first_query),
        count(query_count),
        depth(round_up(s.size, 32)) {
    Arena arena(scratch_bytes(Scratch::scores, depth * (kBlockQueries + kStripKeys) * 2 + kStripKeys * kBlockQueries * 4 + 4096));
    queries = arena.take<uint32_t>(depth / 2 * kBlockQueries);
    keys = arena.take<bf16>(depth * kStripKeys);
    scores = arena.take<float>(kStripKeys * kBlockQueries);
    const bf16* pointers[kBlockQueries];
    HeadPointers::queries(p.q, s, first, first + count, kBlockQueries, pointers);
    for (int64_t half = 0; half < 2; ++half) pairs_along_rows(pointers + 16 * half, s.size, queries + 16 * half, kBlockQueries);
    read_saved_rows(p, s, first, count, saved);
  }

  void run() {
    for (int64_t key = 0; key < s.keys; key += kStripKeys) {
      const bf16* pointers[kStripKeys];
      HeadPointers::keys(p, p.k, m.segment, s, key, kStripKeys, pointers);
      for (int64_t j = 0; j < kStripKeys; ++j) copy_row(pointers[j], s.size, keys + j * depth);
      multiply<Tiles>({.a = keys,
                       .a_step = 2 * depth,
                       .b = queries,
                       .b_step = 4 * kBlockQueries,
                       .c = scores,
                       .c_step = kBlockQueries,
                       .rows = 2,
                       .columns = 2,
                       .depth = depth / 32,
                       .accumulate = false});
      weigh(key);
    }
    for (int64_t i = 0; i < count; ++i) normalize(m.weights.row<float>(first - m.first_query + i));
  }

 private:
  void weigh(int64_t key) {
    const int64_t at = s.position(first);
    if (has_rules(p)) apply_rules(p, s, at, key, kStripKeys, scores, nullptr);
    if (saved.shifted) subtract_base(scores, kStripKeys, saved.base);
    for (int half = 0; half < 2; ++half) {
      const Exponential power = exponential_of(p, saved, half);
      for (int64_t j = 0; j < std::min(kStripKeys, s.keys - key); ++j) {
        const auto seen = static_cast<__mmask16>(sight.lanes(at + 16 * half, key + j));
        alignas(64) float weights[16];
        _mm512_store_ps(weights, power.value(_mm512_loadu_ps(scores + j * kBlockQueries + 16 * half), seen));
        for (int64_t i = 16 * half; i < std::min<int64_t>(count, 16 * half + 16); ++i)
          m.weights.row<float>(first - m.first_query + i)[key + j] = weights[i - 16 * half];
      }
    }
  }

  // The forward divides by the sum of its rounded weights; these are not rounded.
  void normalize(float* row) const {
    double sum = 0;
    for (int64_t j = 0; j < s.keys; ++j) sum += row[j];
    for (int64_t j = 0; j < s.keys && sum > 0; ++j) row[j] = static_cast<float>(row[j] / sum);
  }

  const AttentionMapParams& m;
  const AttentionParams& p;
  HeadOfSequence s;
  Sight sight;
  int64_t first, count, depth;
  SavedRows saved;
  uint32_t* queries;  // [depth / 2][kBlockQueries] pairs
  bf16* keys;         // [kStripKeys][depth]
  float* scores;      // [kStripKeys][kBlockQueries]
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
      MapRows<AmxTiles>(m, first, count).run();
    } else {
      MapRows<Avx512Tiles>(m, first, count).run();
    }
  }
}

}  // namespace qkv::cpu
