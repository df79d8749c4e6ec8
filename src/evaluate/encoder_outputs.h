// What an encoder predicts for rows of texts.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <vector>

#include "data/encoder_inputs.h"
#include "nn/transformer.h"
#include "qkv/cancellation.h"

namespace qkv {

struct EncoderRunOptions {
  int64_t batch_tokens = 8192;  // tokens per batch; a longer text has a batch of its own
  DType dtype = DType::f32;
  const CancellationToken* cancellation = nullptr;
};

// Some of the texts, in this order.
TokenBatch pack(const EncoderInputs& inputs, std::span<const int32_t> numbers);

// Throws Error(bad_input) for a token type that the network does not have; one without token types ignores them.
void check_token_types(const EncoderInputs& inputs, const TransformerConfig& config);

// Gives `take` the predictions of rows[i] of text i, row by row (Transformer::logits_of_rows), batch by batch; texts without rows are left
// out. A text's predictions do not depend on the other texts. Throws Error(interrupted) if cancelled.
void for_each_output(const Transformer& network, const EncoderInputs& inputs, std::span<const std::vector<int32_t>> rows,
                     const EncoderRunOptions& options, const std::function<void(size_t text, std::span<const float> outputs)>& take);

// exp(x) divided by the sum of all.
std::vector<double> softmax(std::span<const float> logits);

}  // namespace qkv
