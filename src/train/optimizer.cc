#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensor/host_values.h"
#include "train/layer_rates.h"

namespace qkv {

AdamW::AdamW(ParameterStore& parameters, const AdamWOptions& options, ParameterStore* averages)
    : AdamW(parameters, options, averages, ParameterRow(parameters, 1), 0, 1) {}

AdamW::AdamW(ParameterStore& parameters, const AdamWOptions& options, ParameterStore* averages, const ParameterRow& row, int first,
             int last)
    : parameters_(parameters),
      options_(options),
      averages_(averages),
      rates_(layer_rates(parameters, options.layer_decay)),
      row_(row),
      pieces_(row.pieces(first, last)) {
  QKV_CHECK(!averages || averages->all().size() == parameters.all().size(), "[adamw] {} averages for {} parameters", averages->all().size(),
            parameters.all().size());
  const DType type = parameters.all().empty() ? DType::f32 : parameters.all().front().value.dtype();
  for (const ParameterPiece& piece : row.pieces(0, row.parts())) {
    if (places_.size() < pieces_.size() && piece.offset == pieces_[places_.size()].offset) places_.push_back(all_pieces_);
    ++all_pieces_;
  }
  m_ = Tensor::zeros({row.size_of_parts(first, last), 1}, type, parameters.device());
  v_ = Tensor::zeros(m_.shape(), type, parameters.device());
}

std::vector<double> AdamW::squares() const {
  std::vector<double> all(all_pieces_);
  if (pieces_.empty()) return all;
  const Tensor sums = Tensor::zeros({std::ssize(pieces_), 1}, DType::f64, parameters_.device());
  for (size_t i = 0; i < pieces_.size(); ++i) {
    if (const Tensor gradient = parameters_.all()[pieces_[i].parameter].value.grad())
      kernels_for(gradient).sum_of_squares({piece_view(gradient, pieces_[i]), sums.view().rows_from(static_cast<int64_t>(i), 1)});
  }
  const HostValues<double> each(sums);
  for (size_t i = 0; i < pieces_.size(); ++i) all[places_[i]] = each.data()[i];
  return all;
}

double AdamW::norm_of(const std::vector<double>& squares) { return std::sqrt(std::accumulate(squares.begin(), squares.end(), 0.0)); }

void AdamW::step(double learning_rate, double norm) {
  const double t = static_cast<double>(++steps_);
  AdamWParams params;
  params.gradient_scale = static_cast<float>(options_.clip_norm > 0 ? std::min(1.0, options_.clip_norm / (norm + 1e-6)) : 1.0);
  params.beta1 = static_cast<float>(options_.beta1);
  params.beta2 = static_cast<float>(options_.beta2);
  params.epsilon = static_cast<float>(options_.epsilon);
  params.bias_correction1 = static_cast<float>(1 - std::pow(options_.beta1, t));
  params.bias_correction2 = static_cast<float>(1 - std::pow(options_.beta2, t));
  params.average_decay = static_cast<float>(std::min(options_.average_decay, (1 + t) / (10 + t)));
  for (const ParameterPiece& piece : pieces_) {
    const Parameter& parameter = parameters_.all()[piece.parameter];
    const Tensor gradient = parameter.value.grad();
    if (!gradient) continue;
    params.learning_rate = static_cast<float>(learning_rate * rates_[piece.parameter]);
    params.weight = piece_view(parameter.value, piece);
    params.gradient = piece_view(gradient, piece);
    params.m = row_view(m_, piece.own, piece.count);
    params.v = row_view(v_, piece.own, piece.count);
    params.weight_decay = parameter.decay ? static_cast<float>(options_.weight_decay) : 0.0f;
    if (averages_) params.average = piece_view(averages_->all()[piece.parameter].value, piece);
    kernels_for(parameter.value).adamw(params);
    parameter.value.touch();
    if (averages_) averages_->all()[piece.parameter].value.touch();
  }
  for (const Parameter& parameter : parameters_.all()) parameter.value.clear_grad();
}

}  // namespace qkv
