// load_model: every size that config.json announces is compared with the weights' file before memory is asked for.
#include <cstring>
#include <set>

#include "base/error.h"
#include "io/weight_files.h"
#include "models/generation_config.h"
#include "models/model.h"
#include "models/registry.h"

namespace qkv {
namespace {

struct Source {
  const ConfigReader& config;
  const WeightFiles& files;
  const Architecture& architecture;
};

// Sinusoids are computed, not stored: their size stands in config.json alone. 2^26 numbers are 256 MiB in f32.
constexpr int64_t kMostPositionNumbers = int64_t{1} << 26;

void check_config(const ConfigReader& in, const TransformerConfig& config) {
  try {
    validate(config);
  } catch (const Error& error) {
    fail(ErrorCode::bad_input, "{}: {}", in.file(), error.what());
  }
  if (int64_t{config.max_position_embeddings} * config.hidden_size > kMostPositionNumbers) {
    fail(ErrorCode::bad_input, "{}: \"max_position_embeddings\" {} times \"d_model\" {} is more than {}", in.file(), config.max_position_embeddings,
         config.hidden_size, kMostPositionNumbers);
  }
}

// The first of the embedding's names that the file has; it may lie there under several.
std::string find_embedding(const Source& in) {
  const std::string shared = their_name(in.architecture, "embed_tokens.weight");
  if (in.files.find(shared)) return shared;
  for (std::string_view copy : in.architecture.copies_of_embedding) {
    if (in.files.find(std::string(copy))) return std::string(copy);
  }
  return shared;
}

std::string file_name_of(const Source& in, std::string_view ours) {
  return ours == "embed_tokens.weight" ? find_embedding(in) : their_name(in.architecture, ours);
}

void check_weight(const Source& in, std::string_view ours, const Shape& shape) {
  const std::string name = file_name_of(in, ours);
  const WeightFiles::Weight* weight = in.files.find(name);
  if (!weight) {
    fail(ErrorCode::bad_input, "{} has no tensor \"{}\", which {} asks for; the two files do not belong together", in.files.path().string(), name, in.config.file());
  }
  if (weight->entry->shape != shape) {
    fail(ErrorCode::bad_input, "{}: tensor \"{}\" is {}, {} asks for {}; the two files do not belong together", in.files.path().string(), name,
         to_string(weight->entry->shape), in.config.file(), to_string(shape));
  }
}

// Enough of the weights that a network of these sizes cannot be larger than the file.
void check_sizes(const Source& in, const TransformerConfig& config) {
  check_weight(in, "embed_tokens.weight", {config.vocab_size, config.hidden_size});
  const auto check_stack = [&](const char* stack, int layers, int ffn) {
    for (int layer = 0; layer < layers; ++layer) {
      const std::string prefix = fmt::format("{}.layers.{}.", stack, layer);
      check_weight(in, prefix + "self_attention.q_proj.weight", {config.hidden_size, config.hidden_size});
      check_weight(in, prefix + "feed_forward.fc1.weight", {ffn, config.hidden_size});
    }
  };
  check_stack("encoder", config.encoder_layers, config.encoder_ffn_dim);
  check_stack("decoder", config.decoder_layers, config.decoder_ffn_dim);
}

bool same_values(const WeightFiles& files, const std::string& name, const Tensor& values) {
  const Tensor other = Tensor::empty(values.shape(), values.dtype(), values.device());
  files.read(name, other);
  return std::memcmp(other.data(), values.data(), static_cast<size_t>(values.numel() * size_of(values.dtype()))) == 0;
}

// An output layer or a second embedding of its own would be lost if its copy were ignored.
void check_copies(const Source& in, const Tensor& embedding) {
  const std::string used = find_embedding(in);
  for (std::string_view copy : in.architecture.copies_of_embedding) {
    const std::string name(copy);
    if (name == used || !in.files.find(name)) continue;
    if (!same_values(in.files, name, embedding)) {
      fail(ErrorCode::unsupported, "{}: \"{}\" differs from \"{}\"; only models with one embedding for both sides and the output are supported",
           in.files.path().string(), name, used);
    }
  }
}

void check_nothing_is_left(const Source& in, const std::set<std::string>& used) {
  std::string names;
  int count = 0;
  for (const auto& [name, weight] : in.files.all()) {
    if (used.contains(name)) continue;
    if (++count <= 3) names += (names.empty() ? "\"" : ", \"") + name.substr(0, 100) + "\"";
  }
  if (count > 0) {
    fail(ErrorCode::bad_input, "{} has {} tensor{} that a {} as {} describes it does not have: {}{}", in.files.path().string(), count, count == 1 ? "" : "s",
         in.architecture.class_name, in.config.file(), names, count > 3 ? ", …" : "");
  }
}

void load_weights(const Source& in, Model& model) {
  std::set<std::string> used(in.architecture.copies_of_embedding.begin(), in.architecture.copies_of_embedding.end());
  used.insert(in.architecture.sinusoids.begin(), in.architecture.sinusoids.end());
  for (const Parameter& parameter : model.parameters.all()) {
    check_weight(in, parameter.name, parameter.value.shape());
    used.insert(file_name_of(in, parameter.name));
  }
  used.insert("final_logits_bias");
  check_nothing_is_left(in, used);
  for (const Parameter& parameter : model.parameters.all()) in.files.read(file_name_of(in, parameter.name), parameter.value);
  check_copies(in, model.network.embed_tokens());
  if (in.files.find("final_logits_bias")) in.files.read("final_logits_bias", model.network.final_logits_bias());
}

}  // namespace

std::unique_ptr<Model> load_model(const std::filesystem::path& directory, DType dtype, Device device) {
  std::error_code ignored;
  if (!std::filesystem::is_regular_file(directory / "config.json", ignored)) {
    fail(ErrorCode::io, "{} has no config.json; name the directory of a model that qkv train or save_pretrained wrote", directory.string());
  }
  const ConfigReader config_file(directory / "config.json");
  const Architecture& architecture = find_architecture(config_file);
  TransformerConfig config = architecture.read_config(config_file);
  std::optional<ConfigReader> generation;
  if (std::filesystem::exists(directory / "generation_config.json", ignored)) generation.emplace(directory / "generation_config.json");
  read_token_ids(config_file, generation ? &*generation : nullptr, config);
  check_config(config_file, config);
  const GenerationDefaults defaults = read_generation(generation ? *generation : config_file, config);

  const WeightFiles files(directory);
  const Source source{config_file, files, architecture};
  check_sizes(source, config);
  auto model = std::make_unique<Model>(config, 0, false, device, dtype == DType::bf16 ? DType::bf16 : DType::f32);
  load_weights(source, *model);
  model->generation = defaults;
  return model;
}

}  // namespace qkv
