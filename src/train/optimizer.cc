#include "train/optimizer.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"

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
  double sum = 0;
  for (const Parameter& parameter : parameters_.all()) {
    if (const Tensor gradient = parameter.value.grad()) sum += kernels_for(gradient).sum_of_squares(gradient.view());
  }
  return std::sqrt(sum);
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
