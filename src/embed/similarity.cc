#include "embed/similarity.h"

#include <algorithm>
#include <cmath>

#include "base/cancellation.h"
#include "base/parallel.h"
#include "embed/pooling.h"
#include "ops/ops.h"

namespace qkv {
namespace {

constexpr int64_t kQueries = 64, kRows = 16384;  // a block of scores

double dot(std::span<const float> a, std::span<const float> b) {
  double sum = 0;
  for (size_t i = 0; i < a.size(); ++i) sum += double{a[i]} * b[i];
  return sum;
}

// Rows [begin, begin + count), for cosines of length 1.
Tensor block_of(const Embeddings& all, int64_t begin, int64_t count, Similarity measure) {
  const auto size = static_cast<size_t>(all.size);
  std::vector<float> values(all.values.begin() + begin * all.size, all.values.begin() + (begin + count) * all.size);
  if (measure == Similarity::cosine) {
    for (size_t at = 0; at < values.size(); at += size) normalize_row(std::span(values).subspan(at, size));
  }
  return Tensor::from(values, {count, all.size});
}

// Scores of each query of a block with each row of a block: [queries, rows].
std::vector<float> scores_of(const Embeddings& queries, int64_t query, int64_t query_count, const Embeddings& among, int64_t row,
                             int64_t row_count, Similarity measure) {
  if (measure == Similarity::cosine || measure == Similarity::dot)
    return linear_f32(block_of(queries, query, query_count, measure), block_of(among, row, row_count, measure), {}).to_vector();
  std::vector<float> scores(static_cast<size_t>(query_count * row_count));
  parallel_for(query_count, [&](int64_t q) {
    for (int64_t r = 0; r < row_count; ++r)
      scores[static_cast<size_t>(q * row_count + r)] =
          static_cast<float>(similarity_of(queries.row(query + q), among.row(row + r), measure));
  });
  return scores;
}

bool is_better(const Neighbour& a, const Neighbour& b) {
  return a.similarity != b.similarity ? a.similarity > b.similarity : a.index < b.index;
}

// Adds scores of rows from `first` on and keeps the k best.
void keep_best(std::vector<Neighbour>& best, std::span<const float> scores, int64_t first, int64_t k) {
  for (size_t i = 0; i < scores.size(); ++i) best.push_back({first + static_cast<int64_t>(i), scores[i]});
  const auto end = best.begin() + std::min(k, std::ssize(best));
  std::partial_sort(best.begin(), end, best.end(), is_better);
  best.erase(end, best.end());
}

}  // namespace

double similarity_of(std::span<const float> a, std::span<const float> b, Similarity measure) {
  double sum = 0;
  switch (measure) {
    case Similarity::cosine: return dot(a, b) / (std::max(std::sqrt(dot(a, a)), 1e-12) * std::max(std::sqrt(dot(b, b)), 1e-12));
    case Similarity::dot: return dot(a, b);
    case Similarity::euclidean:
      for (size_t i = 0; i < a.size(); ++i) sum += (double{a[i]} - b[i]) * (double{a[i]} - b[i]);
      return -std::sqrt(sum);
    case Similarity::manhattan:
      for (size_t i = 0; i < a.size(); ++i) sum += std::abs(double{a[i]} - b[i]);
      return -sum;
  }
  return 0;
}

std::vector<std::vector<Neighbour>> find_neighbours(const Embeddings& queries, const Embeddings& among, int64_t k, Similarity measure,
                                                    const CancellationToken* cancellation) {
  std::vector<std::vector<Neighbour>> result(static_cast<size_t>(queries.count()));
  for (int64_t query = 0; query < queries.count(); query += kQueries) {
    const int64_t query_count = std::min(kQueries, queries.count() - query);
    for (int64_t row = 0; row < among.count(); row += kRows) {
      throw_if_cancelled(cancellation);
      const int64_t row_count = std::min(kRows, among.count() - row);
      const std::vector<float> scores = scores_of(queries, query, query_count, among, row, row_count, measure);
      parallel_for(query_count, [&](int64_t q) {
        const auto own = std::span(scores).subspan(static_cast<size_t>(q * row_count), static_cast<size_t>(row_count));
        keep_best(result[static_cast<size_t>(query + q)], own, row, k);
      });
    }
  }
  return result;
}

}  // namespace qkv
