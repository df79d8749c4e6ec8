#include "train/optimizer.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/error.h"
#include "tensor/host_values.h"

namespace qkv {

AdamW::AdamW(ParameterStore& parameters, const AdamWOptions& options, ParameterStore* averages)
    : parameters_(parameters), options_(options), averages_(averages) {
  QKV_CHECK(!averages || averages->all().size() == parameters.all().size(), "[adamw] {} averages for {} parameters", averages->all().size(),
            parameters.all().size());
  for (const Parameter& parameter : parameters.all()) {
    m_.push_back(Tensor::zeros(parameter.value.shape(), parameter.value.dtype(), parameter.value.device()));
    v_.push_back(Tensor::zeros(parameter.value.shape(), parameter.value.dtype(), parameter.value.device()));
  }
}

double AdamW::gradient_norm() const {
  if (parameters_.all().empty()) return 0;
  const Tensor sums = Tensor::zeros({std::ssize(parameters_.all()), 1}, DType::f64, parameters_.device());
  for (size_t i = 0; i < parameters_.all().size(); ++i) {
    if (const Tensor gradient = parameters_.all()[i].value.grad())
      kernels_for(gradient).sum_of_squares({gradient.view(), sums.view().rows_from(static_cast<int64_t>(i), 1)});
  }
  const HostValues<double> each(sums);
  return std::sqrt(std::accumulate(each.data(), each.data() + each.size(), 0.0));
}

void AdamW::step(double learning_rate, double norm) {
  const double t = static_cast<double>(++steps_);
  AdamWParams params;
  params.gradient_scale = static_cast<float>(options_.clip_norm > 0 ? std::min(1.0, options_.clip_norm / (norm + 1e-6)) : 1.0);
  params.learning_rate = static_cast<float>(learning_rate);
  params.beta1 = static_cast<float>(options_.beta1);
  params.beta2 = static_cast<float>(options_.beta2);
  params.epsilon = static_cast<float>(options_.epsilon);
  params.bias_correction1 = static_cast<float>(1 - std::pow(options_.beta1, t));
  params.bias_correction2 = static_cast<float>(1 - std::pow(options_.beta2, t));
  params.average_decay = static_cast<float>(std::min(options_.average_decay, (1 + t) / (10 + t)));
  for (size_t i = 0; i < parameters_.all().size(); ++i) {
    const Parameter& parameter = parameters_.all()[i];
    const Tensor gradient = parameter.value.grad();
    if (!gradient) continue;
    params.weight = parameter.value.view();
    params.gradient = gradient.view();
    params.m = m_[i].view();
    params.v = v_[i].view();
    params.weight_decay = parameter.decay ? static_cast<float>(options_.weight_decay) : 0.0f;
    if (averages_) params.average = averages_->all()[i].value.view();
    kernels_for(parameter.value).adamw(params);
    parameter.value.touch();
    if (averages_) averages_->all()[i].value.touch();
    parameter.value.clear_grad();
  }
}

}  // namespace qkv
