#include "decode/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "ops/ops.h"

namespace qkv {
namespace {

constexpr Candidate kNone{-1, -std::numeric_limits<float>::infinity()};

// Puts the value where it belongs among the first `size` of `out`, behind its equals; the last one falls out when `out` is full.
int insert_sorted(Candidate* out, int size, int count, Candidate added) {
  int place = size < count ? size : count - 1;
  for (; place > 0 && out[place - 1].log_probability < added.log_probability; --place) out[place] = out[place - 1];
  out[place] = added;
  return std::min(size + 1, count);
}

template <typename T>
T largest_of_block(const T* values) {
  constexpr int kLanes = 16, kBlock = 128;
  T best[kLanes];
  std::copy(values, values + kLanes, best);
  for (int i = kLanes; i < kBlock; i += kLanes) {
    for (int lane = 0; lane < kLanes; ++lane) best[lane] = best[lane] < values[i + lane] ? values[i + lane] : best[lane];
  }
  return *std::max_element(best, best + kLanes);
}

template <typename T>
void select_rows(const Tensor& scores, int count, std::vector<Candidate>& out) {
  const size_t vocab = static_cast<size_t>(scores.cols());
  parallel_for(scores.rows(), [&](int64_t row) {
    const std::span<const T> values(scores.as<T>() + static_cast<size_t>(row) * vocab, vocab);
    Candidate* mine = out.data() + row * count;
    const int found = select_largest(values, count, mine);
    if (found == 0 && std::any_of(values.begin(), values.end(), [](T value) { return std::isnan(value); })) {
      fail(ErrorCode::diverged, "the model's scores are not numbers (NaN); its weights are damaged or its training diverged");
    }
    std::fill(mine + found, mine + count, kNone);
  });
}

}  // namespace

// The row is read in blocks: nearly all of them hold nothing above the smallest candidate so far and are done after their maximum. A block
// that holds NaN may look smaller than it is, which only matters for a broken model.
template <typename T>
int select_largest(std::span<const T> row, int count, Candidate* out) {
  constexpr size_t kBlock = 128;
  int size = 0;
  T threshold = -std::numeric_limits<T>::infinity();
  for (size_t begin = 0; begin < row.size(); begin += kBlock) {
    const size_t end = std::min(begin + kBlock, row.size());
    if (end - begin == kBlock && !(largest_of_block(row.data() + begin) > threshold)) continue;
    for (size_t i = begin; i < end; ++i) {
      if (!(row[i] > threshold)) continue;
      size = insert_sorted(out, size, count, {static_cast<int32_t>(i), static_cast<float>(row[i])});
      if (size == count) threshold = static_cast<T>(out[count - 1].log_probability);
    }
  }
  return size;
}
template int select_largest<float>(std::span<const float>, int, Candidate*);
template int select_largest<double>(std::span<const double>, int, Candidate*);

NextTokens::NextTokens(const SearchOptions& options, const TransformerConfig& config)
    : config_(config),
      rules_(options.rules),
      greedy_(options.num_beams == 1),
      renormalize_(options.renormalize),
      max_length_(options.max_length),
      min_length_(options.min_length) {}

std::vector<Candidate> NextTokens::forced(int length) const {
  std::vector<Candidate> candidates;
  if (length != max_length_ - 1) return candidates;
  const float log_p = greedy_ || renormalize_ ? -std::log(static_cast<float>(rules_.forced_last.size())) : 0.0f;
  for (const int32_t id : rules_.forced_last) candidates.push_back({id, log_p});
  return candidates;
}

template <typename T>
void NextTokens::apply_rules(const Tensor& scores, std::span<const int32_t> forbidden, double bonus) const {
  constexpr double kMost = 1e30;  // its softmax is a number
  for (int64_t row = 0; row < scores.rows(); ++row) {
    T* values = scores.as<T>() + row * scores.cols();
    if (bonus != 0) {
      for (const int32_t id : config_.eos_token_ids) {
        values[id] = static_cast<T>(std::min(values[id] + std::abs(values[id]) * bonus, kMost));
      }
    }
    for (const int32_t id : forbidden) values[id] = -std::numeric_limits<T>::infinity();
  }
}

std::vector<Candidate> NextTokens::best(const Tensor& logits, int length, int count) const {
  std::vector<Candidate> result(static_cast<size_t>(logits.rows()) * static_cast<size_t>(count), kNone);
  const int new_tokens = length - 1;
  const std::vector<int32_t> forbidden = forbidden_tokens(rules_, config_, new_tokens, length >= min_length_);
  if (static_cast<int64_t>(forbidden.size()) == logits.cols()) return result;
  if (!greedy_) log_softmax_in_place(logits);
  const bool doubles = logits.dtype() == DType::f64;
  if (doubles) {
    apply_rules<double>(logits, forbidden, end_bonus(rules_, new_tokens));
  } else {
    apply_rules<float>(logits, forbidden, end_bonus(rules_, new_tokens));
  }
  if (greedy_ || renormalize_) log_softmax_in_place(logits);
  if (doubles) {
    select_rows<double>(logits, count, result);
  } else {
    select_rows<float>(logits, count, result);
  }
  return result;
}

}  // namespace qkv
