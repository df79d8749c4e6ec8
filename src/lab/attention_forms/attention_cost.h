// Measures attention on random input: seconds, bytes, operations.
#pragma once

#include <functional>

#include "lab/record/record.h"
#include "lab/record/statistics.h"
#include "ops/ops.h"

namespace qkv::lab {

struct AttentionCase {
  int64_t tokens = 512;  // of one sequence
  int heads = 4;
  int64_t head_size = 64;
  DType dtype = DType::f32;
};
struct AttentionInput {
  Tensor q, k, v, dout;  // [tokens, heads * head size], independent normal values of variance 1
  Segments segments;
};
AttentionInput random_input(const AttentionCase& of, uint64_t seed);

// One of the implementations that a question compares.
using AttentionProgram = std::function<Tensor(const AttentionInput& in)>;
AttentionProgram product_attention(const AttentionCase& of, AttentionImplementation implementation);

// Median of `repeats` runs after a warm-up run.
double median_seconds(int64_t repeats, const std::function<void()>& run);
double forward_seconds(const AttentionProgram& program, const AttentionInput& in, int64_t repeats);
// Forward and backward to q, k and v.
double training_seconds(const AttentionProgram& program, const AttentionInput& in, int64_t repeats);

// The peak of bytes that results, other tensors and the kernels' scratch memory take while `run` computes them on one thread, beyond what
// existed before. Concurrent work of this process would be counted, too.
int64_t memory_bytes(const std::function<Tensor()>& run);

// The growth of y: a line through the logarithms of x and y of the points from x = `from` on; its slope is the exponent.
Line growth(const Series& series, double from);

// The x at which a / b, interpolated linearly in logarithms of both, first reaches 1; NaN if it does not. x must be ascending.
double crossing(const Series& a, const Series& b);

}  // namespace qkv::lab
