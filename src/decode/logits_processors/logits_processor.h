// Rules on the scores of next tokens, and chains of them.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "tensor/host_values.h"
#include "tensor/tensor.h"

namespace qkv {

// The tokens of a sequence so far, on which rules for its next token depend.
struct History {
  std::span<const int32_t> tokens;  // the prompt or the decoder start, then the new tokens
  int64_t new_tokens = 0;
};

class LogitsProcessor {
 public:
  virtual ~LogitsProcessor() = default;
  // Changes scores [sequences, vocab_size], f32 or f64, in place; histories[i] is that of row i.
  virtual void apply(const Tensor& scores, std::span<const History> histories) const = 0;
};

// Applies processors in the order of addition.
class LogitsProcessors {
 public:
  void add(std::unique_ptr<const LogitsProcessor> processor) { chain_.push_back(std::move(processor)); }
  void apply(const Tensor& scores, std::span<const History> histories) const {
    for (const auto& each : chain_) each->apply(scores, histories);
  }

 private:
  std::vector<std::unique_ptr<const LogitsProcessor>> chain_;
};

// Calls body(row, row index) for all rows, which are spans of float or double.
template <typename Body>
void for_each_row(const Tensor& scores, Body&& body) {
  const auto visit = [&](auto* values) {
    for (int64_t row = 0; row < scores.rows(); ++row) {
      body(std::span(values + row * scores.cols(), static_cast<size_t>(scores.cols())), static_cast<size_t>(row));
    }
  };
  if (scores.dtype() == DType::f64) {
    write_on_host<double>(scores, Before::values, visit);
  } else {
    write_on_host<float>(scores, Before::values, visit);
  }
}

}  // namespace qkv
