// Small matrices for calculating by hand, computed by the library's ops in f32.
#pragma once

#include <cstdint>
#include <functional>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "tensor/tensor.h"

namespace qkv::lab {

struct Matrix {
  int64_t rows = 1, cols = 1;
  std::vector<double> values = {0};

  Matrix() = default;
  Matrix(double value) : values{value} {}
  Matrix(std::initializer_list<std::initializer_list<double>> all);
  Matrix(int64_t rows, int64_t cols, std::vector<double> values) : rows(rows), cols(cols), values(std::move(values)) {}
  explicit Matrix(const Tensor& tensor);

  double at(int64_t row, int64_t col) const { return values[static_cast<size_t>(row * cols + col)]; }
  double& at(int64_t row, int64_t col) { return values[static_cast<size_t>(row * cols + col)]; }
  Matrix row(int64_t index) const;
  Matrix columns(int64_t begin, int64_t count) const;
  Tensor tensor() const;  // [rows, cols] in f32
};

Matrix product(const Matrix& a, const Matrix& b);  // by the op linear
Matrix transposed(const Matrix& a);
Matrix sum(const Matrix& a, const Matrix& b);
Matrix scaled(const Matrix& a, double factor);
Matrix each(const Matrix& a, const std::function<double(double)>& function);
Matrix softmax(const Matrix& scores);             // of each row, by the op log_softmax_in_place; -infinity is a masked score
Matrix beside(const Matrix& a, const Matrix& b);  // by the op concatenate_columns

// The numbers of a calculation by name, in TeX: a matrix between parentheses, or one number. "−0.50"
using Numbers = std::map<std::string, Matrix>;
std::string number_text(double value, int digits);
std::string to_tex(const Matrix& matrix, int digits);

}  // namespace qkv::lab
