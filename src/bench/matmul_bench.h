// Speed of the matrix product at a Transformer's shapes, in the three forms that training needs.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernel_table.h"

namespace qkv {

// forward: y = x W^T + b. input_gradient: dx = dy W. Both use packed weights. weight_gradient: dW += dy^T x, in f32.
enum class LinearPass { forward, input_gradient, weight_gradient };
const char* name_of(LinearPass pass);

// A linear layer: `rows` tokens, weights [out, in] in f32. With kVocabulary or more outputs it is the output layer of the loss: f32 logits,
// and gradients with the row stride of the logits.
struct LinearShape {
  int64_t rows, in, out;
};
inline constexpr int64_t kVocabulary = 32000;

// All combinations of row counts and width pairs.
std::vector<LinearShape> transformer_shapes(const std::vector<int64_t>& rows);

// Returns the shortest time in seconds of a product, over `runs` measurements of at least `least_seconds` each.
struct MatmulBenchOptions {
  LinearShape shape;
  LinearPass pass = LinearPass::forward;
  DType dtype = DType::f32;  // type of x, y and their gradients
  int runs = 3;
  double least_seconds = 0.02;
};
double bench_matmul(const MatmulBenchOptions& options);

// Floating-point operations of the product; a multiply-add counts as two.
inline double flops_of(const LinearShape& shape) {
  return 2.0 * static_cast<double>(shape.rows) * static_cast<double>(shape.in) * static_cast<double>(shape.out);
}

}  // namespace qkv
