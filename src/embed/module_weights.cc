#include "embed/module_weights.h"

#include <set>

#include "base/error.h"
#include "base/files.h"
#include "formats/gguf.h"
#include "io/gguf_file.h"
#include "io/weight_files.h"

namespace qkv {
namespace {

Tensor read_weight(const WeightFiles& files, const std::string& name, const Shape& shape) {
  const WeightFiles::Weight* found = files.find(name);
  if (!found) fail(ErrorCode::bad_input, "{} has no tensor \"{}\"", files.path().string(), name);
  if (found->entry->shape != shape) {
    fail(ErrorCode::bad_input, "{}: tensor \"{}\" is {}, config.json beside it asks for {}", files.path().string(), name,
         to_string(found->entry->shape), to_string(shape));
  }
  const Tensor weight = Tensor::empty(shape, DType::f32);
  files.read(name, weight);
  return weight;
}

void check_known(const WeightFiles& files, const std::set<std::string>& known) {
  for (const auto& [name, weight] : files.all()) {
    if (!known.contains(name)) fail(ErrorCode::unsupported, "{}: tensor \"{}\" is not known", files.path().string(), shortened(name, 100));
  }
}

Tensor read_from_gguf(const std::filesystem::path& file, const std::string& name, const Shape& shape) {
  const MappedFile mapped(file);
  const TensorFile::Entries tensors = gguf_entries(GgufMetadata(mapped.text(), file.string()));
  const Tensor weight = Tensor::empty(shape, DType::f32);
  if (!read_values(tensors.at(name), weight)) fail(ErrorCode::unsupported, "{}: tensor \"{}\" has no supported type", file.string(), name);
  return weight;
}

}  // namespace

ModuleWeights read_dense_weights(const DenseModule& dense) {
  const std::string weight = dense.tensor + ".weight", bias = dense.tensor + ".bias";
  if (dense.directory.extension() == ".gguf") return {read_from_gguf(dense.directory, weight, {dense.out, dense.in}), {}};
  const WeightFiles files(dense.directory);
  ModuleWeights weights{read_weight(files, weight, {dense.out, dense.in}), {}};
  if (dense.bias) weights.bias = read_weight(files, bias, {dense.out});
  check_known(files, dense.bias ? std::set<std::string>{weight, bias} : std::set<std::string>{weight});
  return weights;
}

ModuleWeights read_layer_norm_weights(const LayerNormModule& norm) {
  const WeightFiles files(norm.directory);
  const ModuleWeights weights{read_weight(files, "norm.weight", {norm.size}), read_weight(files, "norm.bias", {norm.size})};
  check_known(files, {"norm.weight", "norm.bias"});
  return weights;
}

}  // namespace qkv
