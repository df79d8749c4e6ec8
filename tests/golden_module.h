// Compares a module with PyTorch (tools/golden/recurrent.py): its values and the gradients of its input and weights.
#pragma once

#include "base/files.h"
#include "formats/json.h"
#include "nn/parameters.h"
#include "tests/op_matrix.h"

namespace qkv::testing {

inline nlohmann::json goldens_of(const std::string& file) {
  return nlohmann::json::parse(read_file(std::string(QKV_SOURCE_DIR) + "/tests/goldens/recurrent/" + file));
}

inline Tensor tensor_of(const nlohmann::json& golden, DType dtype, Device device) {
  return Tensor::from(golden["values"].get<std::vector<float>>(), golden["shape"].get<Shape>(), dtype, device);
}

// Copies the golden's weights to the store, runs forward(x) and its gradient, and compares all numbers with the golden's.
inline void expect_golden(const nlohmann::json& golden, ParameterStore& store, double tolerance,
                          const std::function<Tensor(const Tensor&)>& forward) {
  const Device device = store.device();
  const DType dtype = device == Device::reference ? DType::f64 : DType::f32;
  ASSERT_EQ(store.all().size(), golden["weights"].size());
  for (const Parameter& p : store.all()) {
    ASSERT_TRUE(golden["weights"].contains(p.name)) << p.name;
    p.value.copy_from(tensor_of(golden["weights"][p.name], dtype, device));
    p.value.clear_grad();
  }
  const Tensor x = tensor_of(golden["x"], dtype, device);
  x.set_requires_grad(true);
  const Tensor y = run_with_gradient([&] { return forward(x); }, tensor_of(golden["dy"], dtype, device));
  EXPECT_LT(relative_error(y, tensor_of(golden["y"], dtype, device)), tolerance);
  EXPECT_LT(relative_error(x.grad(), tensor_of(golden["dx"], dtype, device)), tolerance);
  for (const Parameter& p : store.all())
    EXPECT_LT(relative_error(p.value.grad(), tensor_of(golden["gradients"][p.name], dtype, device)), tolerance) << p.name;
}

}  // namespace qkv::testing
