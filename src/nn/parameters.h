// The named weights of a model, in the order of creation.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/philox.h"
#include "tensor/tensor.h"

namespace qkv {

struct Parameter {
  std::string name;  // "encoder.layers.0.self_attention.q_proj.weight"
  Tensor value;      // f32 (f64 on the reference device); a model for inference may hold bf16
  bool decay;        // whether weight decay applies: to matrices, not to norms and biases
};

// Initial distribution of a weight. Values depend only on the seed and the name.
struct Initializer {
  enum class Kind { zeros, ones, normal, xavier_uniform, uniform, constant } kind = Kind::zeros;
  float deviation = 0;  // deviation of normal, bound of uniform, value of constant

  static Initializer zeros() { return {Kind::zeros}; }
  static Initializer ones() { return {Kind::ones}; }
  static Initializer normal(float deviation) { return {Kind::normal, deviation}; }
  static Initializer xavier_uniform() { return {Kind::xavier_uniform}; }      // Glorot and Bengio 2010, eq. 16
  static Initializer uniform(float bound) { return {Kind::uniform, bound}; }  // in [-bound, bound)
  static Initializer constant(float value) { return {Kind::constant, value}; }
};

class ParameterStore {
 public:
  // `initialize` false leaves memory uninitialized, for weights that are loaded next. `matrices`: the type of matrices with decay, f32 or,
  // for inference, bf16; other weights are always f32 (on the reference all are f64).
  ParameterStore(uint64_t seed, bool initialize, Device device = Device::cpu, DType matrices = DType::f32)
      : seed_(seed), initialize_(initialize), device_(device), matrices_(matrices) {}

  // Creates a weight that requires a gradient. Throws if the name already exists.
  Tensor create(const std::string& name, Shape shape, Initializer initializer, bool decay);

  const std::vector<Parameter>& all() const { return parameters_; }
  std::vector<Parameter>& all() { return parameters_; }
  const Parameter* find(std::string_view name) const;
  int64_t count() const;  // total number of values
  Device device() const { return device_; }

 private:
  uint64_t seed_;
  bool initialize_;
  Device device_;
  DType matrices_;
  std::vector<Parameter> parameters_;
};

// A name prefix for the weights of one module: scope / "layers" / 3.
class ParameterScope {
 public:
  ParameterScope(ParameterStore& store, std::string prefix = {}) : store_(&store), prefix_(std::move(prefix)) {}
  ParameterScope operator/(std::string_view name) const {
    return {*store_, prefix_.empty() ? std::string(name) : prefix_ + "." + std::string(name)};
  }
  ParameterScope operator/(int index) const { return *this / std::to_string(index); }
  Tensor create(std::string_view name, Shape shape, Initializer initializer, bool decay) const {
    return store_->create((*this / name).prefix_, std::move(shape), initializer, decay);
  }
  Device device() const { return store_->device(); }
  uint32_t id() const;  // depends only on the prefix

 private:
  ParameterStore* store_;
  std::string prefix_;
};

}  // namespace qkv
