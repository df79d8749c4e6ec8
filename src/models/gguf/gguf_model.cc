#include "models/gguf/gguf_model.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "models/gguf/gguf_architectures.h"
#include "models/registry.h"

namespace qkv {
namespace {

using nlohmann::json;

const Architecture& class_of(const GgufArchitecture& gguf) {
  const auto all = architectures();
  const auto found = std::find_if(all.begin(), all.end(), [&](const Architecture& each) { return each.class_name == gguf.class_name; });
  QKV_CHECK(found != all.end(), "[gguf] there is no class {}", gguf.class_name);
  return *found;
}

// "blk.12.attn_q.weight" as the pattern "blk.{}.attn_q", the number "12" and the suffix ".weight".
struct NameParts {
  std::string pattern, number, suffix;
};

NameParts parts_of(const std::string& name) {
  NameParts parts{name, "", ""};
  if (const size_t dot = name.rfind('.'); dot != std::string::npos) {
    parts.suffix = name.substr(dot);
    parts.pattern.resize(dot);
  }
  constexpr std::string_view kBlock = "blk.";
  if (!parts.pattern.starts_with(kBlock)) return parts;
  const size_t end = std::min(parts.pattern.find_first_not_of("0123456789", kBlock.size()), parts.pattern.size());
  parts.number = parts.pattern.substr(kBlock.size(), end - kBlock.size());
  parts.pattern.replace(kBlock.size(), end - kBlock.size(), "{}");
  return parts;
}

// Views rows 0, 2, 4, … and then 1, 3, 5, … of each head as the rows of a tensor.
void undo_rotary_pairs(StoredTensor& tensor, int64_t heads) {
  const int64_t rows = tensor.shape[0], columns = tensor.shape.size() > 1 ? tensor.shape[1] : 1;
  if (heads < 1 || heads > rows || rows % (2 * heads) != 0 || tensor.shape.size() > 2) return;  // another shape than the class asks for
  tensor.split_shape = {heads, 2, rows / heads / 2, columns};
  tensor.strides = {rows / heads * columns, columns, 2 * columns, 1};
}

// Views a matrix as its transpose.
void transpose(StoredTensor& tensor) {
  if (tensor.shape.size() != 2) return;
  std::swap(tensor.shape[0], tensor.shape[1]);
  tensor.strides = {1, tensor.shape[0]};
}

// Names and layouts of the class for one tensor of the file.
std::pair<std::string, StoredTensor> as_in_class(const std::string& name, StoredTensor tensor, const GgufArchitecture& gguf,
                                                 const Architecture& theirs, const json& config) {
  const NameParts parts = parts_of(name);
  const auto known = std::find_if(gguf.names.begin(), gguf.names.end(), [&](const GgufName& each) { return each.theirs == parts.pattern; });
  if (known == gguf.names.end()) return {name, std::move(tensor)};  // the model's check of names tells of it
  const auto weight = std::find_if(theirs.weights.begin(), theirs.weights.end(),
                                   [&](const WeightName& each) { return each.ours == known->ours && each.when == nullptr; });
  if (weight == theirs.weights.end()) return {name, std::move(tensor)};
  if (known->rotary_pairs) {
    const char* heads = known->ours.ends_with("k_proj") ? "num_key_value_heads" : "num_attention_heads";
    undo_rotary_pairs(tensor, config.at(heads).get<int64_t>());
  }
  if (weight->transposed) transpose(tensor);
  if (weight->less_one) tensor.shift = -1;  // llama.cpp stores the sum
  std::string full = weight->theirs;
  if (const size_t hole = full.find("{}"); hole != std::string::npos) full.replace(hole, 2, parts.number);
  return {full + parts.suffix, std::move(tensor)};
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

GgufModel describe_gguf(const GgufMetadata& metadata, TensorFile::Entries tensors) {
  const GgufArchitecture& architecture = find_gguf_architecture(metadata);
  const Architecture& theirs = class_of(architecture);
  GgufModel model;
  GgufKeys keys(metadata, tensors, std::string(architecture.name));
  architecture.read_config(keys, model.config);
  model.config["architectures"] = json::array({std::string(architecture.class_name)});
  model.config["model_type"] = theirs.model_type;
  model.config["dtype"] = type_of_matrices(tensors);
  model.generation = token_ids(metadata);
  if (model.generation.contains("pad_token_id")) model.config["pad_token_id"] = model.generation["pad_token_id"];
  for (const std::string& key : keys.unread()) model.config[key] = true;  // for messages about keys without an effect
  for (const char* computed : {"rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight"}) tensors.erase(computed);
  for (auto& [name, tensor] : tensors) {
    auto [full, view] = as_in_class(name, std::move(tensor), architecture, theirs, model.config);
    if (!model.tensors.emplace(full, std::move(view)).second) {
      fail(ErrorCode::bad_input, "{}: tensor \"{}\" comes twice under different names", metadata.file(), shortened(full, 100));
    }
  }
  return model;
}

}  // namespace qkv
