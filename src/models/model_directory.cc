#include "models/model_directory.h"

#include <cmath>
#include <cstring>
#include <set>

#include "base/error.h"
#include "models/generation_config.h"
#include "models/weight_layout.h"

namespace qkv {
namespace {

// Sinusoids are computed, not stored: their size stands in config.json alone. 2^26 numbers are 256 MiB in f32.
constexpr int64_t kMostPositionNumbers = int64_t{1} << 26;

// What a training leaves where it has not come to a model, or beside it.
std::string way_to_a_model(const std::filesystem::path& directory) {
  std::error_code ignored;
  if (std::filesystem::exists(directory / "state.json", ignored) && std::filesystem::exists(directory / "weights.safetensors", ignored)) {
    return fmt::format("it is a checkpoint, from which qkv train --resume goes on; the model is in {}",
                       std::filesystem::absolute(directory).lexically_normal().parent_path().parent_path().string());
  }
  if (std::filesystem::exists(directory / "checkpoints", ignored)) {
    return "it holds checkpoints of a training that has not come to its first validation; go on with qkv train --resume";
  }
  return "name the directory of a model that qkv train or save_pretrained wrote";
}

std::filesystem::path config_path(const std::filesystem::path& directory) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(directory / "config.json", ignored)) {
    fail(ErrorCode::io, "{} has no config.json; {}", directory.string(), way_to_a_model(directory));
  }
  return directory / "config.json";
}

void check_config(const ConfigReader& in, const TransformerConfig& config) {
  try {
    validate(config);
  } catch (const Error& error) {
    fail(ErrorCode::bad_input, "{}: {}", in.file(), error.what());
  }
  if (config.position == Position::sinusoidal && int64_t{config.max_position_embeddings} * config.hidden_size > kMostPositionNumbers) {
    fail(ErrorCode::bad_input, "{}: \"max_position_embeddings\" {} times \"d_model\" {} is more than {}", in.file(),
         config.max_position_embeddings, config.hidden_size, kMostPositionNumbers);
  }
}

// The two files that describe a model besides its weights.
struct Description {
  TransformerConfig config;
  GenerationDefaults generation;
  std::vector<std::string> labels;
};

Description read_description(const std::filesystem::path& directory, const ConfigReader& in, const Architecture& architecture) {
  Description result{architecture.read_config(in), {}, {}};
  std::error_code ignored;
  std::optional<ConfigReader> generation;
  if (std::filesystem::exists(directory / "generation_config.json", ignored)) generation.emplace(directory / "generation_config.json");
  read_token_ids(in, generation ? &*generation : nullptr, result.config);
  check_config(in, result.config);
  if (!result.config.has_decoder() && result.config.head == Head::classification) {
    result.labels = in.labels("id2label");
    if (result.labels.empty()) result.labels = numbered_labels(result.config.num_labels);
  }
  if (!result.config.has_decoder()) return result;
  result.generation = read_generation(generation ? *generation : in, result.config, generation.has_value());
  return result;
}

bool same_values(const WeightFiles& files, const std::string& name, const Tensor& values) {
  const Tensor other = Tensor::empty(values.shape(), values.dtype(), values.device());
  files.read(name, other);
  return std::memcmp(other.data(), values.data(), static_cast<size_t>(values.numel() * size_of(values.dtype()))) == 0;
}

}  // namespace

ModelDirectory::ModelDirectory(const std::filesystem::path& directory)
    : config_file_(config_path(directory)), architecture_(&find_architecture(config_file_)), weights_(directory) {
  Description description = read_description(directory, config_file_, *architecture_);
  config_ = description.config;
  generation_ = std::move(description.generation);
  labels_ = std::move(description.labels);
  check_sizes();
}

// The first of the embedding's names that the file has; it may lie there under several.
std::string ModelDirectory::embedding_name() const {
  std::string shared = their_weight(*architecture_, "embed_tokens.weight").name;
  if (weights_.find(shared) || !config_.tie_word_embeddings) return shared;
  for (std::string_view copy : architecture_->copies_of_embedding) {
    if (weights_.find(std::string(copy))) return std::string(copy);
  }
  return shared;
}

TheirWeight ModelDirectory::place_of(std::string_view ours) const {
  TheirWeight place = ours == "embed_tokens.weight" ? TheirWeight{embedding_name()} : their_weight(*architecture_, ours);
  // Norms in files that were made from TensorFlow's, the first BERTs' among them.
  for (const auto& [name, older] : {std::pair{".LayerNorm.weight", ".LayerNorm.gamma"}, {".LayerNorm.bias", ".LayerNorm.beta"}}) {
    if (!place.name.ends_with(name) || weights_.find(place.name)) continue;
    std::string old_name = place.name.substr(0, place.name.size() - std::string_view(name).size()) + older;
    if (weights_.find(old_name)) place.name = std::move(old_name);
  }
  return place;
}

void ModelDirectory::check_weight(std::string_view ours, const Shape& shape) const {
  const TheirWeight place = place_of(ours);
  const WeightFiles::Weight* weight = weights_.find(place.name);
  if (!weight) {
    fail(ErrorCode::bad_input, "{} has no tensor \"{}\", which {} asks for; the two files do not belong together", weights_.path().string(),
         place.name, config_file_.file());
  }
  if (const Shape theirs = their_shape(place, shape); weight->entry->shape != theirs) {
    fail(ErrorCode::bad_input, "{}: tensor \"{}\" is {}, {} asks for {}; the two files do not belong together", weights_.path().string(),
         place.name, to_string(weight->entry->shape), config_file_.file(), to_string(theirs));
  }
}

// Enough of the weights that all others follow from them.
void ModelDirectory::check_sizes() const {
  check_weight("embed_tokens.weight", {config_.vocab_size, config_.hidden_size});
  const auto check_stack = [&](const std::string& stack, int layers, int ffn) {
    if (config_.position == Position::learned) {
      check_weight(stack + ".embed_positions.weight", {config_.max_position_embeddings, config_.hidden_size});
    }
    for (int layer = 0; layer < layers; ++layer) {
      const std::string prefix = fmt::format("{}.layers.{}.", stack, layer);
      check_weight(prefix + "self_attention.q_proj.weight", {config_.hidden_size, config_.hidden_size});
      check_weight(prefix + "feed_forward.fc1.weight", {ffn, config_.hidden_size});
    }
  };
  if (config_.has_encoder()) check_stack("encoder", config_.encoder_layers, config_.encoder_ffn_dim);
  if (config_.has_decoder()) {
    check_stack("decoder", config_.decoder_layers, config_.decoder_ffn_dim);
    return;
  }
  if (config_.token_types > 0) check_weight("encoder.embed_token_types.weight", {config_.token_types, config_.hidden_size});
  if (config_.head == Head::classification) check_weight("head.classifier.weight", {config_.num_labels, config_.hidden_size});
}

void ModelDirectory::check_names(const Model& model) const {
  std::set<std::string> known(architecture_->copies_of_embedding.begin(), architecture_->copies_of_embedding.end());
  known.insert("final_logits_bias");
  for (const Parameter& parameter : model.parameters.all()) {
    check_weight(parameter.name, parameter.value.shape());
    known.insert(place_of(parameter.name).name);
  }
  std::string names;
  int count = 0;
  for (const auto& [name, weight] : weights_.all()) {
    if (known.contains(name) || is_ignored(*architecture_, name)) continue;
    if (++count <= 3) names += (names.empty() ? "\"" : ", \"") + name.substr(0, 100) + "\"";
  }
  if (count > 0) {
    fail(ErrorCode::bad_input, "{} has {} tensor{} that a {} as {} describes it does not have: {}{}", weights_.path().string(), count,
         count == 1 ? "" : "s", architecture_->class_name, config_file_.file(), names, count > 3 ? ", …" : "");
  }
}

// An output layer or a second embedding of its own would be lost if its copy were ignored.
void ModelDirectory::check_copies(const Tensor& embedding) const {
  if (!config_.tie_word_embeddings) return;
  const std::string used = embedding_name();
  for (std::string_view copy : architecture_->copies_of_embedding) {
    const std::string name(copy);
    if (name == used || !weights_.find(name)) continue;
    if (!same_values(weights_, name, embedding)) {
      fail(ErrorCode::unsupported,
           "{}: \"{}\" differs from \"{}\"; only models with one embedding for both sides and the output are supported",
           weights_.path().string(), name, used);
    }
  }
}

std::unique_ptr<Model> ModelDirectory::make_model(DType dtype, Device device) const {
  auto model = std::make_unique<Model>(config_, 0, false, device, dtype == DType::bf16 ? DType::bf16 : DType::f32);
  model->generation = generation_;
  model->labels = labels_;
  check_names(*model);
  return model;
}

void ModelDirectory::read_weights(Model& model) const {
  for (const Parameter& parameter : model.parameters.all()) {
    const TheirWeight place = place_of(parameter.name);
    if (place.parts == 1 && !place.transposed) {
      weights_.read(place.name, parameter.value);
      continue;
    }
    const Tensor theirs = Tensor::empty(weights_.find(place.name)->entry->shape, DType::f32);
    weights_.read(place.name, theirs);
    const Tensor ours = Tensor::empty(parameter.value.shape(), DType::f32);
    take_from(theirs, place, ours);
    parameter.value.copy_from(ours);
  }
  check_copies(model.network.embed_tokens());
  if (config_.final_logits_bias && weights_.find("final_logits_bias"))
    weights_.read("final_logits_bias", model.network.final_logits_bias());
}

std::unique_ptr<Model> load_model(const std::filesystem::path& directory, DType dtype, Device device) {
  const ModelDirectory opened(directory);
  std::unique_ptr<Model> model = opened.make_model(dtype, device);
  opened.read_weights(*model);
  return model;
}

namespace {

DType type_of_file(const std::filesystem::path& directory) {
  const ConfigReader config(config_path(directory));
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (config.has(key)) return config.text(key).ends_with("bfloat16") ? DType::bf16 : DType::f32;
  }
  const WeightFiles weights(directory);
  for (const auto& [name, weight] : weights.all()) {
    if (weight.entry->dtype == "BF16" || weight.entry->dtype.starts_with('F'))
      return weight.entry->dtype == "BF16" ? DType::bf16 : DType::f32;
  }
  return DType::f32;
}

}  // namespace

std::unique_ptr<Model> load_model(const std::filesystem::path& directory, InferenceType type) {
  if (type == InferenceType::file) return load_model(directory, type_of_file(directory));
  return load_model(directory, type == InferenceType::bf16 ? DType::bf16 : DType::f32);
}

DType activation_type(const Model& model) { return model.network.embed_tokens().dtype() == DType::bf16 ? DType::bf16 : DType::f32; }

int64_t verify_weights(const WeightFiles& files) {
  int64_t count = 0;
  for (const auto& [name, weight] : files.all()) {
    const Tensor values = Tensor::empty(weight.entry->shape, DType::f32);
    files.read(name, values);
    for (int64_t i = 0; i < values.numel(); ++i) {
      if (std::isfinite(values.as<float>()[i])) continue;
      fail(ErrorCode::bad_input, "{}: value {} of tensor \"{}\" is {}; the training that wrote it had diverged, or the file is damaged",
           files.path().string(), i, name, values.as<float>()[i]);
    }
    count += values.numel();
  }
  return count;
}

}  // namespace qkv
