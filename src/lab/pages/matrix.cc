#include "lab/pages/matrix.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "base/error.h"
#include "ops/ops.h"

namespace qkv::lab {

Matrix::Matrix(std::initializer_list<std::initializer_list<double>> all)
    : rows(std::ssize(all)), cols(all.size() == 0 ? 0 : std::ssize(*all.begin())) {
  values.clear();
  for (const auto& row : all) values.insert(values.end(), row);
}

Matrix::Matrix(const Tensor& tensor) : rows(tensor.rows()), cols(tensor.cols()) {
  const std::vector<float> all = tensor.to_vector();
  values.assign(all.begin(), all.end());
}

Matrix Matrix::row(int64_t index) const {
  const auto begin = values.begin() + index * cols;
  return {1, cols, std::vector<double>(begin, begin + cols)};
}

Matrix Matrix::columns(int64_t begin, int64_t count) const {
  Matrix result(rows, count, {});
  for (int64_t r = 0; r < rows; ++r) {
    for (int64_t c = begin; c < begin + count; ++c) result.values.push_back(at(r, c));
  }
  return result;
}

Tensor Matrix::tensor() const { return Tensor::from(std::vector<float>(values.begin(), values.end()), {rows, cols}); }

Matrix product(const Matrix& a, const Matrix& b) {
  QKV_CHECK(a.cols == b.rows, "[product] {} columns and {} rows", a.cols, b.rows);
  return Matrix(linear(a.tensor(), transposed(b).tensor(), {}));
}

Matrix transposed(const Matrix& a) {
  Matrix result(a.cols, a.rows, std::vector<double>(a.values.size()));
  for (int64_t r = 0; r < a.rows; ++r) {
    for (int64_t c = 0; c < a.cols; ++c) result.at(c, r) = a.at(r, c);
  }
  return result;
}

Matrix sum(const Matrix& a, const Matrix& b) {
  QKV_CHECK(a.rows == b.rows && a.cols == b.cols, "[sum] {} x {} and {} x {}", a.rows, a.cols, b.rows, b.cols);
  return Matrix(dropout_add(a.tensor(), b.tensor()));
}

Matrix scaled(const Matrix& a, double factor) {
  return each(a, [&](double x) { return x * factor; });
}

Matrix each(const Matrix& a, const std::function<double(double)>& function) {
  Matrix result = a;
  for (double& value : result.values) value = function(value);
  return result;
}

Matrix softmax(const Matrix& scores) {
  const Tensor weights = scores.tensor();
  log_softmax_in_place(weights);
  return each(Matrix(weights), [](double x) { return std::exp(x); });
}

Matrix beside(const Matrix& a, const Matrix& b) { return Matrix(concatenate_columns(a.tensor(), b.tensor())); }

std::string number_text(double value, int digits) {
  if (std::isinf(value)) return value < 0 ? "−∞" : "∞";
  if (std::isnan(value)) return "–";
  std::string text = fmt::format("{:.{}f}", std::abs(value), digits);
  const bool zero = text.find_first_not_of("0.") == std::string::npos;
  const size_t point = std::min(text.find('.'), text.size());
  for (size_t i = point; i > 3; i -= 3) text.insert(i - 3, ",");
  return value < 0 && !zero ? "−" + text : text;
}

std::string to_tex(const Matrix& matrix, int digits) {
  if (matrix.values.size() == 1) return number_text(matrix.values[0], digits);
  std::string text = "\\begin{pmatrix}";
  for (int64_t r = 0; r < matrix.rows; ++r) {
    if (r > 0) text += "\\\\";
    for (int64_t c = 0; c < matrix.cols; ++c) {
      text += (c > 0 ? "&" : "") + number_text(matrix.at(r, c), digits);
    }
  }
  return text + "\\end{pmatrix}";
}

}  // namespace qkv::lab
