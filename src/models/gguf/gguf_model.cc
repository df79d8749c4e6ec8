#include "models/gguf/gguf_model.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace qkv {
namespace {

using nlohmann::json;

// "q" of "blk.12.attn_q.weight"; empty for another tensor.
std::string_view projection_of(std::string_view name) {
  constexpr std::string_view kBlock = "blk.", kAttention = "attn_";
  if (!name.starts_with(kBlock)) return {};
  name.remove_prefix(std::min(name.find_first_not_of("0123456789", kBlock.size()), name.size()));
  if (name.starts_with('.')) name.remove_prefix(1);
  if (!name.starts_with(kAttention)) return {};
  name.remove_prefix(kAttention.size());
  return name.substr(0, name.find('.'));
}

// bf16 if all matrices are: norms and biases are f32 in every file.
std::string_view type_of_matrices(const TensorFile::Entries& tensors) {
  const bool bf16 = std::all_of(tensors.begin(), tensors.end(),
                                [](const auto& named) { return named.second.shape.size() < 2 || named.second.dtype == "BF16"; });
  return bf16 ? "bfloat16" : "float32";
}

json token_ids(const GgufMetadata& metadata) {
  json ids = json::object();
  const auto id = [&](const char* name) {
    const std::optional<int64_t> value = metadata.integer(std::string("tokenizer.ggml.") + name);
    return value && *value >= 0 && *value <= INT32_MAX ? value : std::nullopt;  // -1: there is none
  };
  if (const auto bos = id("bos_token_id")) ids["bos_token_id"] = *bos;
  if (const auto pad = id("padding_token_id")) ids["pad_token_id"] = *pad;
  json ends = json::array();  // whichever of these comes first ends a text
  for (const char* name : {"eos_token_id", "eot_token_id", "eom_token_id"}) {
    if (const auto end = id(name); end && std::find(ends.begin(), ends.end(), *end) == ends.end()) ends.push_back(*end);
  }
  if (!ends.empty()) ids["eos_token_id"] = ends;
  return ids;
}

}  // namespace

void arrange_rows(const GgufArchitecture& architecture, const json& config, GgufDirection direction, const std::string& name,
                  StoredTensor& tensor) {
  const std::string_view projection = architecture.rotary_pairs ? projection_of(name) : "";
  if (projection != "q" && projection != "k") return;
  const auto heads = config.at(projection == "q" ? "num_attention_heads" : "num_key_value_heads").get<int64_t>();
  const int64_t rows = tensor.shape[0], columns = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
  if (heads < 1 || heads > rows || rows % (2 * heads) != 0 || tensor.shape.size() > 2) return;  // another shape than the class asks for
  const int64_t head = rows / heads, half = head / 2;
  if (direction == GgufDirection::from_file) {  // rows 0, 2, 4, … of each head, then 1, 3, 5, …
    tensor.split_shape = {heads, 2, half, columns};
    tensor.strides = {head * columns, columns, 2 * columns, 1};
  } else {
    tensor.split_shape = {heads, half, 2, columns};
    tensor.strides = {head * columns, columns, half * columns, 1};
  }
}

GgufModel describe_gguf(const GgufMetadata& metadata, TensorFile::Entries tensors) {
  GgufModel model;
  model.architecture = &find_gguf_architecture(metadata, tensors);
  const GgufArchitecture& architecture = *model.architecture;
  GgufKeys keys(metadata, tensors, std::string(architecture.name));
  architecture.map_settings(keys, model.config);
  model.config["architectures"] = json::array({std::string(architecture.class_name)});
  model.config["model_type"] = architecture.layout.model_type;
  model.config["dtype"] = type_of_matrices(tensors);
  model.generation = token_ids(metadata);
  if (model.generation.contains("pad_token_id")) model.config["pad_token_id"] = model.generation["pad_token_id"];
  for (const std::string& key : keys.unread()) model.config[key] = true;  // for messages about keys without an effect
  for (const char* computed : {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}) tensors.erase(computed);
  for (auto& [name, tensor] : tensors) arrange_rows(architecture, model.config, GgufDirection::from_file, name, tensor);
  model.tensors = std::move(tensors);
  return model;
}

}  // namespace qkv
