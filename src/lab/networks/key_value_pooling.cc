#include "lab/networks/key_value_pooling.h"

#include "base/error.h"

namespace qkv::lab {
namespace {

// Averages rows of heads, head_size each: from [many * head_size, in] to [few * head_size, in]; biases have in = 1.
Tensor pooled(const Tensor& many, const Shape& shape, int head_size) {
  const int64_t heads = shape[0] / head_size, group = many.dim(0) / shape[0], block = many.numel() / many.dim(0) * head_size;
  const std::vector<float> from = many.to_vector();
  std::vector<float> to(static_cast<size_t>(heads * block));
  for (int64_t head = 0; head < heads; ++head) {
    for (int64_t member = 0; member < group; ++member) {
      for (int64_t i = 0; i < block; ++i) to[head * block + i] += from[(head * group + member) * block + i] / static_cast<float>(group);
    }
  }
  return Tensor::from(to, shape);
}

}  // namespace

void pool_key_value_heads(const ParameterStore& from, const ParameterStore& to, int head_size) {
  for (const Parameter& parameter : to.all()) {
    const Parameter* source = from.find(parameter.name);
    QKV_CHECK(source && source->value.dim(0) % parameter.value.dim(0) == 0, "[pool_key_value_heads] {} does not fit", parameter.name);
    const bool same = source->value.shape() == parameter.value.shape();
    parameter.value.copy_from(same ? source->value : pooled(source->value, parameter.value.shape(), head_size));
  }
}

}  // namespace qkv::lab
