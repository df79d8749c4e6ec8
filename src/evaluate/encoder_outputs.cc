#include "evaluate/encoder_outputs.h"

#include <algorithm>
#include <cmath>

#include "base/cancellation.h"
#include "base/error.h"

namespace qkv {
namespace {

// Numbers of the texts with rows in batches.
std::vector<std::vector<int32_t>> batches_with_rows(const EncoderInputs& inputs, std::span<const std::vector<int32_t>> rows,
                                                    int64_t batch_tokens) {
  std::vector<std::vector<int32_t>> batches = batches_by_length(inputs.ids, {.tokens = batch_tokens});
  for (std::vector<int32_t>& numbers : batches) {
    std::erase_if(numbers, [&](int32_t text) { return rows[static_cast<size_t>(text)].empty(); });
  }
  std::erase_if(batches, [](const std::vector<int32_t>& numbers) { return numbers.empty(); });
  return batches;
}

}  // namespace

TokenBatch pack(const EncoderInputs& inputs, std::span<const int32_t> numbers) {
  TokenBatch batch = pack(inputs.ids, numbers);
  if (inputs.token_types.empty()) return batch;
  for (const int32_t text : numbers) {
    const std::vector<int32_t>& types = inputs.token_types[static_cast<size_t>(text)];
    batch.token_types.insert(batch.token_types.end(), types.begin(), types.end());
  }
  return batch;
}

void check_token_types(const EncoderInputs& inputs, const TransformerConfig& config) {
  if (config.token_types == 0) return;
  for (const std::vector<int32_t>& types : inputs.token_types) {
    const auto unknown = std::ranges::find_if(types, [&](int32_t type) { return type < 0 || type >= config.token_types; });
    if (unknown == types.end()) continue;
    fail(ErrorCode::bad_input, "the tokenizer gives tokens the type {}, the model has {} types; they do not belong together", *unknown,
         config.token_types);
  }
}

void for_each_output(const Transformer& network, const EncoderInputs& inputs, std::span<const std::vector<int32_t>> rows,
                     const EncoderRunOptions& options, const std::function<void(size_t text, std::span<const float> outputs)>& take) {
  QKV_CHECK(rows.size() == inputs.ids.size(), "[encoder outputs] rows of {} texts, there are {}", rows.size(), inputs.ids.size());
  check_token_types(inputs, network.config());
  const RecordScope no_gradient(nullptr);
  for (const std::vector<int32_t>& numbers : batches_with_rows(inputs, rows, options.batch_tokens)) {
    throw_if_cancelled(options.cancellation);
    const TokenBatch batch = pack(inputs, numbers);
    std::vector<int32_t> places;
    for (size_t i = 0; i < numbers.size(); ++i) {
      for (const int32_t row : rows[static_cast<size_t>(numbers[i])]) places.push_back(batch.segments.begin(static_cast<int64_t>(i)) + row);
    }
    ForwardContext context;
    context.dtype = options.dtype;
    const Tensor logits = network.logits_of_rows(network.rows_for_head(batch, context), batch.segments, places, context);
    const std::vector<float> values = logits.to_vector();
    size_t done = 0;
    for (const int32_t text : numbers) {
      const size_t size = rows[static_cast<size_t>(text)].size() * static_cast<size_t>(logits.cols());
      take(static_cast<size_t>(text), std::span(values).subspan(done, size));
      done += size;
    }
  }
}

std::vector<double> softmax(std::span<const float> logits) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  std::vector<double> p;
  double sum = 0;
  for (const float x : logits) sum += p.emplace_back(std::exp(x - largest));
  for (double& x : p) x /= sum;
  return p;
}

}  // namespace qkv
