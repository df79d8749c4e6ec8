#include "models/gguf/write_gguf_model.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "formats/gguf_tensors.h"
#include "formats/json.h"
#include "io/gguf_file.h"
#include "models/gguf/gguf_model.h"
#include "models/registry.h"
#include "models/save_format.h"
#include "models/weight_layout.h"

namespace qkv {
namespace {

using nlohmann::json;

constexpr int kUnlimited = 1 << 20;  // a longer text than any: of networks that no table or setting limits
constexpr int kUsualContext = 2048;  // what llama.cpp takes memory for where it is not told

// What GGUF says in another way, which computes the same.
RopeOptions as_in_gguf(RopeOptions rope, int head_dim) {
  if (rope.scaling == RopeScaling::ntk_alpha) {
    const double size = rope.rotary_dim > 0 ? rope.rotary_dim : head_dim;
    rope.theta = static_cast<float>(rope.theta * std::pow(rope.factor, size / (size - 2)));
    rope.scaling = RopeScaling::none;
  }
  const double usual = 0.1 * std::log(rope.factor) + 1;  // YaRN's factor of attention, if none is given
  if (rope.scaling == RopeScaling::yarn && std::abs(rope.attention_factor - usual) < 1e-5) rope.attention_factor = 0;
  return rope;
}

TransformerConfig as_in_gguf(TransformerConfig config) {
  for (LayerConfig& layer : config.decoder) {
    if (layer.attention.rope) layer.attention.rope = as_in_gguf(*layer.attention.rope, layer.attention.head_dim);
    const bool unlimited = layer.attention.distance_bias == DistanceBias::alibi && config.max_position_embeddings > kUnlimited;
    if (unlimited) config.max_position_embeddings = kUsualContext;
  }
  if (!config.has_decoder() && (config.head == Head::pooler || config.head == Head::masked_lm)) config.head = Head::none;
  return config;
}

json config_of(const GgufArchitecture& architecture, const TransformerConfig& network) {
  nlohmann::ordered_json out;
  architecture.layout.write_config(network, out);
  return json(out);
}

// The keys of an architecture, and the tensors that it computes from settings.
struct Settings {
  GgufWriter keys;
  std::vector<std::pair<std::string, std::vector<float>>> computed;
  json config;
};

Settings settings_of(const GgufArchitecture& architecture, const TransformerConfig& network) {
  Settings settings;
  settings.config = config_of(architecture, network);
  settings.keys.string("general.architecture", architecture.name);
  GgufKeys keys(settings.keys, std::string(architecture.name));
  architecture.map_settings(keys, settings.config);
  settings.computed = keys.computed();
  return settings;
}

StoredTensor view_of(const Tensor& tensor) {
  return {.dtype = tensor.dtype() == DType::bf16 ? "BF16" : "F32",
          .shape = tensor.shape(),
          .strides = {},
          .data = tensor.host<char>(),
          .bytes = tensor.numel() * size_of(tensor.dtype()),
          .split_shape = {}};
}

StoredTensor view_of(const std::vector<float>& values) {
  return {.dtype = "F32",
          .shape = {std::ssize(values)},
          .strides = {},
          .data = reinterpret_cast<const char*>(values.data()),
          .bytes = std::ssize(values) * static_cast<int64_t>(sizeof(float)),
          .split_shape = {}};
}

constexpr const char* kOutput = "output.weight";

// Does the file hold the embedding a second time, as the output layer?
bool repeats_embedding(const GgufArchitecture& architecture, const TransformerConfig& network) {
  return architecture.needs_output && network.has_decoder() && network.tie_word_embeddings;
}

// Names and shapes of the weights in the file, without values.
TensorFile::Entries places_of(const Model& model, const GgufArchitecture& architecture) {
  TensorFile::Entries places;
  for (const Parameter& parameter : model.parameters.all()) {
    const TheirWeight place = their_weight(architecture.layout, model.config, parameter.name);
    if (place.name.empty()) continue;
    StoredTensor& stored = places[place.name];
    stored.dtype = "F32";
    stored.shape = their_shape(place, parameter.value.shape());
  }
  if (repeats_embedding(architecture, model.config)) places[kOutput] = places[their_name(architecture.layout, "embed_tokens.weight")];
  return places;
}

// What a reader of these settings makes of them.
TransformerConfig read_back(const GgufArchitecture& architecture, const Settings& settings, TensorFile::Entries tensors, bool tied) {
  for (const auto& [name, values] : settings.computed) tensors[name] = view_of(values);
  const std::string bytes = settings.keys.build();
  const GgufModel model = describe_gguf(GgufMetadata(bytes, "GGUF"), std::move(tensors));
  if (model.architecture != &architecture) fail(ErrorCode::unsupported, "a reader takes it for {}", model.architecture->class_name);
  TransformerConfig read = architecture.layout.read_config(ConfigReader("GGUF", model.config));
  // The values tell whether the output layer is the embedding.
  if (architecture.layout.ties_equal_weights) read.tie_word_embeddings = tied;
  if (read.head == Head::pooler) read.head = Head::none;  // a file of a class with a pooler may lack it
  return read;
}

// Settings that a reader takes for others: "\"sliding_window\" is 4096, but would be read as null".
std::string differences(const json& written, const json& read) {
  constexpr size_t kMost = 3;
  std::vector<std::string> all;
  for (const auto& [key, value] : written.items()) {
    const json other = read.value(key, json());
    if (value != other && all.size() < kMost)
      all.push_back(fmt::format("\"{}\" is {}, but would be read as {}", key, value.dump(), other.dump()));
  }
  return fmt::format("{}", fmt::join(all, "; "));
}

// Empty if the architecture says the whole network, else why not.
std::string lost_settings(const GgufArchitecture& architecture, const Model& model, const TransformerConfig& network) {
  try {
    const Settings settings = settings_of(architecture, network);
    const TransformerConfig read = read_back(architecture, settings, places_of(model, architecture), network.tie_word_embeddings);
    if (same_network(read, network)) return "";
    const std::string lost = differences(config_of(architecture, network), config_of(architecture, read));
    return lost.empty() ? "it would be read as another network" : lost;
  } catch (const Error& error) {
    if (error.code() == ErrorCode::internal) throw;
    return error.what();
  }
}

bool stays_f32(const std::string& name, const Shape& shape) {
  return shape.size() < 2 || name.find("_norm.") != std::string::npos || name.starts_with("position_embd.") ||
         name.starts_with("token_types.");
}

struct FileType {
  std::string_view type;
  uint32_t number;  // "general.file_type": llama.cpp's enum llama_ftype
};
constexpr FileType kFileTypes[] = {{"F32", 0}, {"F16", 1}, {"Q4_0", 2}, {"Q8_0", 7}, {"BF16", 32}};

}  // namespace

const GgufArchitecture& gguf_architecture_for(const Model& model) {
  const TransformerConfig network = as_in_gguf(model.config);
  std::vector<const GgufArchitecture*> order;
  for (const GgufArchitecture& each : gguf_architectures()) order.push_back(&each);
  std::stable_partition(order.begin(), order.end(), [&](const auto* each) { return each->layout.model_type == model.model_type; });
  std::string reason, name;
  for (const GgufArchitecture* each : order) {
    if (!holds(each->layout, network)) continue;
    std::string lost = lost_settings(*each, model, network);
    if (lost.empty()) return *each;
    if (reason.empty()) reason = std::move(lost), name = each->name;
  }
  if (!reason.empty()) fail(ErrorCode::unsupported, "the architecture \"{}\" of GGUF does not say all of this model: {}", name, reason);
  std::vector<std::string_view> names;
  for (const GgufArchitecture& each : gguf_architectures()) {
    if (names.empty() || names.back() != each.name) names.push_back(each.name);
  }
  fail(ErrorCode::unsupported, "no architecture of GGUF that qkv writes has this network; there are {}", fmt::join(names, ", "));
}

void write_gguf_model(const Model& model, const GgufArchitecture& architecture, const GgufWriter& others, std::string_view type,
                      const std::filesystem::path& path, const NamedTensors& tensors) {
  const Settings settings = settings_of(architecture, as_in_gguf(model.config));
  std::vector<std::string> left_out;
  NamedTensors weights = named_weights(model, architecture.layout, {}, &left_out);
  if (!left_out.empty()) log_warning("GGUF has no place for {}; left out", fmt::join(left_out, ", "));

  GgufWriter keys = settings.keys;
  for (const FileType& each : kFileTypes) {
    if (each.type == type) keys.integer("general.file_type", each.number);
  }
  if (type.starts_with('Q')) keys.integer("general.quantization_version", 2);
  keys.append(others);

  if (repeats_embedding(architecture, model.config)) {
    const std::string embedding = their_name(architecture.layout, "embed_tokens.weight");
    const auto found = std::find_if(weights.begin(), weights.end(), [&](const auto& each) { return each.first == embedding; });
    weights.emplace_back(kOutput, Tensor(found->second));
  }
  for (const auto& [name, tensor] : tensors) weights.emplace_back(name, Tensor(tensor));
  std::vector<GgufOutput> outputs;
  for (const auto& [name, tensor] : weights) {
    GgufOutput output{name, view_of(tensor), stays_f32(name, tensor.shape()) ? "F32" : type};
    if (tensor.dim(-1) % gguf_type(output.type).block != 0) output.type = "F16";
    arrange_rows(architecture, settings.config, GgufDirection::to_file, name, output.values);
    outputs.push_back(std::move(output));
  }
  for (const auto& [name, values] : settings.computed) outputs.push_back({name, view_of(values), "F32"});
  write_gguf(path, std::move(keys), outputs);
}

}  // namespace qkv
