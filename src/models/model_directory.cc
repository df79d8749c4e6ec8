#include "models/model_directory.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/log.h"
#include "kernels/bf16.h"
#include "models/generation_config.h"
#include "models/weight_layout.h"
#include "tensor/weight_forms.h"

namespace qkv {
namespace {

constexpr int64_t kReleasedAfter = int64_t{1} << 24;  // values of a weight whose dense form has a segment of memory to itself

// Calls run() and prefixes messages about invalid values with the file's name.
template <typename Run>
auto naming(const ConfigReader& in, Run&& run) {
  try {
    return run();
  } catch (const Error& error) {
    if (error.code() != ErrorCode::invalid_argument) throw;
    fail(ErrorCode::bad_input, "{}: {}", in.file(), error.what());
  }
}

// The content of config.json and generation_config.json.
struct Description {
  TransformerConfig config;
  GenerationDefaults generation;
  std::vector<std::string> labels;
};

Description read_description(const ModelFiles& files, const Architecture& architecture) {
  const ConfigReader& in = files.config;
  if (in.has("quantization_config")) {
    fail(ErrorCode::unsupported, "{}: \"quantization_config\" says that the weights are quantized; such models are not supported",
         in.file());
  }
  Description result{naming(in, [&] { return architecture.read_config(in); }), {}, {}};
  const std::optional<ConfigReader>& generation = files.generation;
  read_token_ids(in, generation ? &*generation : nullptr, result.config);
  naming(in, [&] { validate(result.config); });
  if (result.config.has_head() && names_labels(result.config.head)) {
    result.labels = in.labels("id2label");
    // transformers, too, numbers the labels if "num_labels" has another value.
    if (std::ssize(result.labels) != result.config.num_labels) result.labels = numbered_labels(result.config.num_labels);
  }
  if (result.config.has_head()) return result;
  result.generation = read_generation(generation ? *generation : in, result.config, generation.has_value());
  return result;
}

// Integer and boolean types of the format: their values are always finite.
bool is_whole(std::string_view dtype) { return dtype == "BOOL" || dtype.starts_with('I') || dtype.starts_with('U'); }

}  // namespace

ModelDirectory::ModelDirectory(const std::filesystem::path& directory, ModelPart part)
    : files_(open_model_files(directory)),
      architecture_(files_.architecture ? files_.architecture : &find_architecture(files_.config, part)),
      weights_(files_.open_weights()) {
  if (!files_.architecture && !files_.config.has("architectures")) architecture_ = &class_by_weights();
  Description description = read_description(files_, *architecture_);
  config_ = description.config;
  generation_ = std::move(description.generation);
  labels_ = std::move(description.labels);
  drop_missing_head();
  check_sizes();
  untie_output();
}

// The class of this type with the largest head that the files have.
const Architecture& ModelDirectory::class_by_weights() const {
  const auto in_files = [this](const Architecture& architecture, std::string_view ours) {
    for (const std::vector<WeightName>* names : {&architecture.weights, &architecture.older_weights}) {
      for (const WeightName& name : *names) {
        if (name.ours != ours) continue;
        for (const char* suffix : {".weight", ".bias"}) {
          if (!name_in_files(architecture, name.theirs + suffix).empty()) return true;
        }
      }
    }
    return false;
  };
  // Modules of the class's head, or -1 if the files lack one of them.
  const auto size_of_head = [&](const Architecture& architecture) {
    int64_t size = 0;
    for (const WeightName& name : architecture.weights) {
      if (!name.ours.starts_with("head")) continue;
      if (!in_files(architecture, name.ours)) return int64_t{-1};
      ++size;
    }
    return size;
  };
  const Architecture* best = architecture_;
  int64_t most = size_of_head(*best);
  for (const Architecture& architecture : architectures()) {
    if (architecture.model_type != architecture_->model_type) continue;
    if (const int64_t size = size_of_head(architecture); size > most) {
      best = &architecture;
      most = size;
    }
  }
  return *best;
}

std::vector<std::string> ModelDirectory::unused_keys() const {
  // transformers' own bookkeeping, and keys that are read elsewhere or follow from other keys.
  constexpr std::string_view kKnown[] = {"_attn_implementation_autoset",
                                         "_name_or_path",
                                         "architectures",
                                         "auto_map",
                                         "bos_token_id",
                                         "decoder_layerdrop",
                                         "decoder_start_token_id",
                                         "dtype",
                                         "encoder_layerdrop",
                                         "eos_token_id",
                                         "forced_eos_token_id",
                                         "gradient_checkpointing",
                                         "id2label",
                                         "is_encoder_decoder",
                                         "label2id",
                                         "model_type",
                                         "num_hidden_layers",
                                         "output_attentions",
                                         "output_hidden_states",
                                         "pad_token_id",
                                         "pretraining_tp",
                                         "return_dict",
                                         "task_specific_params",
                                         "tokenizer_class",
                                         "torch_dtype",
                                         "torchscript",
                                         "transformers_version",
                                         "use_cache"};
  std::vector<std::string> keys = files_.config.unread();
  std::erase_if(keys, [&](const std::string& key) { return std::find(std::begin(kKnown), std::end(kKnown), key) != std::end(kKnown); });
  return keys;
}

std::string ModelDirectory::name_in_files(const std::string& theirs) const { return name_in_files(*architecture_, theirs); }

std::string ModelDirectory::name_in_files(const Architecture& architecture, const std::string& theirs) const {
  for (const std::string& name : spellings(architecture, theirs)) {
    if (weights_.find(name)) return name;
  }
  return {};
}

bool ModelDirectory::is_copy(const WeightCopy& copy) const {
  return config_.tie_word_embeddings || copy.theirs != their_name(*architecture_, "output.weight");
}

TheirWeight ModelDirectory::place_of(std::string_view ours) const {
  TheirWeight place = their_weight(*architecture_, config_, ours);
  std::string found = name_in_files(place.name);
  if (found.empty()) {
    TheirWeight older = older_weight(*architecture_, config_, ours);
    if (std::string name = name_in_files(older.name); !name.empty()) {
      older.name = std::move(name);
      return older;
    }
  }
  for (const WeightCopy& copy : architecture_->copies) {
    if (copy.ours != ours || !is_copy(copy)) continue;
    // transformers computes with the embedding of each side; without ties it does not use the shared embedding, so the copy takes
    // precedence.
    if (found.empty() || !config_.tie_word_embeddings) {
      if (std::string name = name_in_files(std::string(copy.theirs)); !name.empty()) found = std::move(name);
    }
  }
  if (!found.empty()) place.name = std::move(found);
  return place;
}

// Files of sentence encoders often lack the pooler or the head for masked tokens that their class has, and only their rows are used.
void ModelDirectory::drop_missing_head() {
  if (config_.has_decoder()) return;
  const auto missing = [&](const char* ours) { return !weights_.find(place_of(ours).name); };
  const bool no_pooler = config_.head == Head::pooler && missing("head.pooler.weight");
  const bool no_masked_lm = config_.head == Head::masked_lm && config_.head_transform && missing("head.dense.weight") &&
                            missing("head.norm.weight") && missing("head.bias");
  if (no_pooler || no_masked_lm) config_.head = Head::none;
}

// Unties the output layer if it differs from the embedding, regardless of config.json, as in transformers; ties it if a format has both
// of every model.
void ModelDirectory::untie_output() {
  const std::string output = their_name(*architecture_, "output.weight");
  if (architecture_->ties_equal_weights && !config_.tie_word_embeddings) {
    const std::string name = name_in_files(output), embedding = name_in_files(their_name(*architecture_, "embed_tokens.weight"));
    config_.tie_word_embeddings = !name.empty() && !embedding.empty() && same_values(name, embedding);
    return;
  }
  if (!config_.tie_word_embeddings || output.empty()) return;
  const std::string name = name_in_files(output), embedding = place_of("embed_tokens.weight").name;
  if (name.empty() || name == embedding || !weights_.find(embedding) || same_values(name, embedding)) return;
  if (!architecture_->tied_by_weights) {
    log_warning("{}: \"tie_word_embeddings\" is true, but \"{}\" and \"{}\" differ; each is used as it is", files_.config.file(), name,
                embedding);
  }
  config_.tie_word_embeddings = false;
}

std::unique_ptr<Model> ModelDirectory::make_model(DType dtype, Device device, WeightUse use) const {
  TransformerConfig config = config_;
  if (architecture_->rounds_embedding_scale && dtype == DType::bf16 && use == WeightUse::inference) {
    config.embedding_scale = to_float(to_bf16(config.embedding_scale));
  }
  auto model = std::make_unique<Model>(config, 0, false, device, dtype == DType::bf16 ? DType::bf16 : DType::f32);
  model->generation = generation_;
  model->labels = labels_;
  model->model_type = architecture_->model_type;
  check_names(*model);
  return model;
}

void ModelDirectory::read_weight(const Parameter& parameter) const {
  const TheirWeight place = place_of(parameter.name);
  if (place.is_unchanged()) return weights_.read(place.name, parameter.value);
  const Tensor theirs = Tensor::empty(weights_.find(place.name)->entry->shape, DType::f32);
  weights_.read(place.name, theirs);
  const Tensor ours = Tensor::empty(parameter.value.shape(), DType::f32);
  take_from(theirs, place, ours);
  parameter.value.copy_from(ours);
}

// Packs a weight straight from the mapped file, if that has it in the same type and layout.
bool ModelDirectory::pack_from_file(const Parameter& parameter, DType rows_type) const {
  const TheirWeight place = place_of(parameter.name);
  const WeightFiles::Weight* weight = weights_.find(place.name);
  if (!weight || !place.is_unchanged() || weight->entry->shape != parameter.value.shape()) return false;
  const StoredTensor& stored = *weight->entry;
  const DType dtype = parameter.value.dtype();
  const bool same = (dtype == DType::bf16 && stored.dtype == "BF16") || (dtype == DType::f32 && stored.dtype == "F32");
  const bool aligned = reinterpret_cast<uintptr_t>(stored.data) % static_cast<uintptr_t>(size_of(dtype)) == 0;
  if (!same || !aligned || !stored.strides.empty() || !pack_values(parameter.value, stored.data, rows_type)) return false;
  weight->file->release(stored);
  return true;
}

// Reads and packs the weights of products one by one, so that one of them at most is in memory twice: the largest first, while there is
// room, and without the memory of those that are still to come.
void ModelDirectory::read_packed(Model& model) const {
  std::vector<const Parameter*> packed;
  for (const Parameter& parameter : model.parameters.all()) {
    const bool looked_up = parameter.name == "embed_tokens.weight" && !(config_.tie_word_embeddings && config_.predicts_tokens());
    if (parameter.decay && parameter.value.shape().size() == 2 && !looked_up) {
      packed.push_back(&parameter);
      free_values(parameter.value);
    } else {
      read_weight(parameter);
    }
  }
  std::stable_sort(packed.begin(), packed.end(),
                   [](const Parameter* a, const Parameter* b) { return a->value.numel() > b->value.numel(); });
  const Device device = model.parameters.device();
  if (!packed.empty() && packed.front()->value.numel() > kReleasedAfter) release_unused_memory(device);
  for (const Parameter* parameter : packed) {
    if (!pack_from_file(*parameter, activation_type(model))) {
      allocate_values(parameter->value);
      read_weight(*parameter);
      keep_packed(parameter->value, activation_type(model));
    }
    if (parameter->value.numel() > kReleasedAfter) release_unused_memory(device);
  }
}

void ModelDirectory::read_weights(Model& model, WeightUse use) const {
  if (use == WeightUse::inference) {
    read_packed(model);
  } else {
    for (const Parameter& parameter : model.parameters.all()) read_weight(parameter);
  }
  check_copies();
  const std::string bias = name_in_files("final_logits_bias");
  if (config_.final_logits_bias && !bias.empty()) weights_.read(bias, model.network.final_logits_bias());
  if (config_.position_table == PositionTable::sinusoidal) read_stored_positions(model);
}

// Reads sinusoids stored in the files, which may be fine-tuned or laid out differently. [rows, hidden_size]
void ModelDirectory::read_stored_positions(Model& model) const {
  for (const Side side : {Side::encoder, Side::decoder}) {
    const std::string name = place_of(kPositions[static_cast<size_t>(side)]).name;
    if (!weights_.find(name)) continue;
    const bool reference = model.parameters.device() == Device::reference;
    const Tensor table =
        Tensor::empty({config_.position_rows(), config_.hidden_size}, reference ? DType::f64 : DType::f32, model.parameters.device());
    weights_.read(name, table);
    model.network.embedded_positions(side).set_stored(table);
  }
}

std::unique_ptr<Model> load_model(const std::filesystem::path& directory, DType dtype, Device device) {
  const ModelDirectory opened(directory);
  std::unique_ptr<Model> model = opened.make_model(dtype, device);
  opened.read_weights(*model);
  return model;
}

DType ModelDirectory::dtype() const {
  for (const char* key : {"dtype", "torch_dtype"}) {
    if (files_.config.has(key)) return files_.config.text(key).ends_with("bfloat16") ? DType::bf16 : DType::f32;
  }
  for (const auto& [name, weight] : weights_.all()) {
    if (weight.entry->dtype == "BF16" || weight.entry->dtype.starts_with('F'))
      return weight.entry->dtype == "BF16" ? DType::bf16 : DType::f32;
  }
  return DType::f32;
}

std::unique_ptr<Model> load_model(const std::filesystem::path& directory, InferenceType type, ModelPart part) {
  const ModelDirectory opened(directory, part);
  const bool bf16 = type == InferenceType::file ? opened.dtype() == DType::bf16 : type == InferenceType::bf16;
  std::unique_ptr<Model> model = opened.make_model(bf16 ? DType::bf16 : DType::f32, Device::cpu, WeightUse::inference);
  opened.read_weights(*model, WeightUse::inference);
  release_unused_memory();
  return model;
}

DType activation_type(const Model& model) { return model.network.embed_tokens().dtype() == DType::bf16 ? DType::bf16 : DType::f32; }

int64_t ModelDirectory::verify_weights() const {
  int64_t count = 0;
  for (const auto& [name, weight] : weights_.all()) {
    if (is_ignored(*architecture_, name)) continue;
    Tensor values = Tensor::empty(is_whole(weight.entry->dtype) ? Shape{0} : weight.entry->shape, DType::f32);
    if (values.numel() > 0) weights_.read(name, values);
    const float* numbers = values.host<float>();
    for (int64_t i = 0; i < values.numel(); ++i) {
      if (std::isfinite(numbers[i])) continue;
      fail(ErrorCode::bad_input, "{}: value {} of tensor \"{}\" is {}; the training that wrote it had diverged, or the file is damaged",
           weights_.path().string(), i, shortened(name), numbers[i]);
    }
    count += values.numel();
  }
  return count;
}

}  // namespace qkv
