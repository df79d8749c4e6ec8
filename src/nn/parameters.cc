#include "nn/parameters.h"

#include <cmath>
#include <numeric>

namespace qkv {
namespace {

// 64-bit FNV-1a. A weight's random stream is derived from its name, so adding a weight does not change the others.
uint64_t hash_name(std::string_view name) {
  uint64_t hash = 0xcbf29ce484222325;
  for (unsigned char c : name) hash = (hash ^ c) * 0x100000001b3;
  return hash;
}

std::vector<float> initial_values(const Shape& shape, int64_t numel, const Initializer& initializer, RandomStream random) {
  std::vector<float> values(static_cast<size_t>(numel));
  switch (initializer.kind) {
    case Initializer::Kind::zeros: break;
    case Initializer::Kind::constant: values.assign(values.size(), initializer.deviation); break;
    case Initializer::Kind::ones: values.assign(values.size(), 1.0f); break;
    case Initializer::Kind::normal:
      for (float& value : values) value = initializer.deviation * random.normal();
      break;
    case Initializer::Kind::xavier_uniform: {
      const float bound = std::sqrt(6.0f / static_cast<float>(shape[0] + shape[1]));
      for (float& value : values) value = bound * (2 * random.uniform() - 1);
      break;
    }
    case Initializer::Kind::uniform:
      for (float& value : values) value = initializer.deviation * (2 * random.uniform() - 1);
      break;
  }
  return values;
}

}  // namespace

Tensor ParameterStore::create(const std::string& name, Shape shape, Initializer initializer, bool decay) {
  if (find(name)) fail(ErrorCode::internal, "[parameters] {} is made twice", name);
  const DType dtype = device_ == Device::reference ? DType::f64 : decay && shape.size() == 2 ? matrices_ : DType::f32;
  Tensor value = Tensor::empty(shape, dtype, device_);
  if (initialize_) {
    const RandomStream random(seed_ ^ hash_name(name), 1);
    value.copy_from(Tensor::from(initial_values(shape, value.numel(), initializer, random), shape));
  }
  value.set_requires_grad(true);
  parameters_.push_back({name, value, decay});
  return value;
}

uint32_t ParameterScope::id() const {
  const uint64_t hash = hash_name(prefix_);
  return static_cast<uint32_t>(hash ^ hash >> 32);
}

const Parameter* ParameterStore::find(std::string_view name) const {
  for (const Parameter& parameter : parameters_) {
    if (parameter.name == name) return &parameter;
  }
  return nullptr;
}

int64_t ParameterStore::count() const {
  return std::accumulate(parameters_.begin(), parameters_.end(), int64_t{0},
                         [](int64_t sum, const Parameter& p) { return sum + p.value.numel(); });
}

}  // namespace qkv
