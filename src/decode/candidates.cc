#include "decode/candidates.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/parallel.h"
#include "decode/logits_processors/end_token_bonus.h"
#include "decode/logits_processors/log_softmax.h"
#include "decode/logits_processors/repeated_tokens.h"
#include "ops/ops.h"
#include "tensor/host_values.h"

namespace qkv {
namespace {

constexpr Candidate kNone{-1, -std::numeric_limits<float>::infinity()};

// Inserts `added` into the sorted list `out` of `size` entries, after equal ones. If the list already has `count` entries, the last one is
// dropped.
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
void select_rows(const Tensor& scores, int count, std::span<const uint8_t> closed, std::vector<Candidate>& out) {
  const HostValues<T> all(scores);
  parallel_for(scores.rows(), [&](int64_t row) {
    if (closed[static_cast<size_t>(row)]) return;
    const std::span<const T> values = all.row(row);
    Candidate* mine = out.data() + row * count;
    const int found = select_largest(values, count, mine);
    if (found == 0 && std::any_of(values.begin(), values.end(), [](T value) { return std::isnan(value); })) {
      fail(ErrorCode::diverged, "the model's scores are not numbers (NaN); its weights are damaged or its training diverged");
    }
    std::fill(mine + found, mine + count, kNone);
  });
}

}  // namespace

// Processes the row in blocks: most blocks have a maximum below the smallest candidate so far and are skipped. NaN in a block can lower its
// computed maximum, which only matters for a broken model.
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

// Beam search normalizes before tokens are suppressed and, if requested, again afterwards; greedy search normalizes only afterwards.
NextTokens::NextTokens(const SearchOptions& options, const TransformerConfig& config)
    : forced_last_(options.rules.forced_last),
      forced_first_(options.rules.forced_first),
      max_new_tokens_(options.max_length - 1),
      forbidden_(options.rules, config, options.min_length - 1) {
  const bool greedy = options.num_beams == 1, normalize_last = greedy || options.renormalize;
  if (normalize_last) forced_log_probability_ = -std::log(static_cast<float>(forced_last_.size()));
  if (!greedy) processors_.add(std::make_unique<LogSoftmax>());
  processors_.add(std::make_unique<RepeatedTokens>(options.rules));
  processors_.add(std::make_unique<EndTokenBonus>(options.rules, config.eos_token_ids, EndTokenBonus::Arithmetic::bounded_double));
  processors_.add(std::make_unique<ForbiddenTokens>(forbidden_));
  if (normalize_last) processors_.add(std::make_unique<LogSoftmax>());
}

std::vector<Candidate> NextTokens::forced(int64_t new_tokens) const {
  std::vector<Candidate> candidates;
  if (new_tokens + 1 == max_new_tokens_) {
    for (const int32_t id : forced_last_) candidates.push_back({id, forced_log_probability_});
  }
  if (new_tokens == 0 && forced_first_ && candidates.empty()) candidates.push_back({*forced_first_, 0.0f});
  return candidates;
}

std::vector<Candidate> NextTokens::best(const Tensor& logits, std::span<const History> histories, int count) const {
  std::vector<Candidate> result(static_cast<size_t>(logits.rows()) * static_cast<size_t>(count), kNone);
  std::vector<uint8_t> closed;  // rows for which all tokens are forbidden
  for (const History& each : histories) closed.push_back(forbidden_.forbid_all(each.new_tokens));
  processors_.apply(logits, histories);
  if (logits.dtype() == DType::f64) {
    select_rows<double>(logits, count, closed, result);
  } else {
    select_rows<float>(logits, count, closed, result);
  }
  return result;
}

}  // namespace qkv
