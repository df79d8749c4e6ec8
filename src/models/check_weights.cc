// Compares the weights in the files with those that config.json asks for.
#include <cstring>
#include <set>

#include "base/error.h"
#include "models/model_directory.h"
#include "models/weight_layout.h"
#include "models/weight_problems.h"

namespace qkv {
namespace {

constexpr double kMostExpansion = 2;  // of a network that is made only to name what does not fit

}  // namespace

bool ModelDirectory::same_values(const std::string& a, const std::string& b) const {
  const WeightFiles::Weight &first = *weights_.find(a), &second = *weights_.find(b);
  if (first.entry->shape != second.entry->shape) return false;
  if (first.entry->dtype == second.entry->dtype && first.entry->strides.empty() && second.entry->strides.empty()) {
    const auto bytes = static_cast<size_t>(first.entry->bytes);
    const bool same = first.entry->data == second.entry->data || std::memcmp(first.entry->data, second.entry->data, bytes) == 0;
    for (const WeightFiles::Weight& weight : {first, second}) weight.file->release(*weight.entry);
    return same;
  }
  const Tensor one = Tensor::empty(first.entry->shape, DType::f32), other = Tensor::empty(first.entry->shape, DType::f32);
  weights_.read(a, one);
  weights_.read(b, other);
  return std::memcmp(one.host<char>(), other.host<char>(), static_cast<size_t>(one.numel()) * sizeof(float)) == 0;
}

void ModelDirectory::check_weight(std::string_view ours, const Shape& shape, WeightProblems& problems) const {
  const TheirWeight place = place_of(ours);
  const WeightFiles::Weight* weight = weights_.find(place.name);
  if (!weight) return problems.add_missing(place.name);
  const Shape theirs = their_shape(place, shape);
  if (weight->entry->shape != theirs) problems.add_misshapen(place.name, weight->entry->shape, theirs);
}

void ModelDirectory::throw_if_any(const WeightProblems& problems) const {
  if (problems.empty()) return;
  const bool guessed = files_.config.texts("architectures").empty() && !files_.architecture;
  fail(ErrorCode::bad_input, "{}{}", problems.text(weights_.path().string(), files_.config.file(), architecture_->class_name),
       guessed ? "; config.json names no class in \"architectures\", where another one may belong" : "");
}

// A lower bound of the values in a network's weights.
double ModelDirectory::values_at_least() const {
  const double hidden = config_.hidden_size, columns = config_.embedding_columns();
  double values = columns * config_.vocab_size + hidden * config_.num_labels + columns * config_.token_types;
  if (config_.position_table == PositionTable::learned) values += columns * config_.position_rows();
  for (const Side side : {Side::encoder, Side::decoder}) {
    for (const LayerConfig& layer : config_.stack(side)) {
      values += hidden * (4.0 * static_cast<double>(layer.attention.query_size()) + 3.0 * layer.feed_forward.size);
    }
  }
  return values;
}

// Checks enough weights to determine the shapes of all others.
void ModelDirectory::check_sizes() const {
  const int columns = config_.embedding_columns();
  WeightProblems problems;
  const auto check = [&](std::string_view ours, const Shape& shape) { check_weight(ours, shape, problems); };
  check("embed_tokens.weight", {config_.vocab_size, columns});
  const auto check_stack = [&](const std::string& stack, const std::vector<LayerConfig>& layers) {
    const std::string positions = stack + ".embed_positions.weight";
    const bool stored = config_.position_table == PositionTable::sinusoidal && weights_.find(place_of(positions).name);
    if (stored || config_.position_table == PositionTable::learned) check(positions, {config_.position_rows(), config_.position_columns()});
    const size_t stored_layers = config_.layer_groups > 0 ? static_cast<size_t>(config_.layer_groups) : layers.size();
    for (size_t layer = 0; layer < stored_layers; ++layer) {
      const std::string prefix = fmt::format("{}.layers.{}.", stack, layer);
      check(prefix + "self_attention.q_proj.weight", {layers[layer].attention.query_size(), config_.hidden_size});
      check(prefix + "feed_forward.fc1.weight", {layers[layer].feed_forward.size, config_.hidden_size});
    }
  };
  if (config_.has_encoder()) check_stack("encoder", config_.encoder);
  if (config_.has_decoder()) check_stack("decoder", config_.decoder);
  if (!config_.has_decoder() && config_.token_types > 0) check("encoder.embed_token_types.weight", {config_.token_types, columns});
  if (config_.has_head() && predicts_labels(config_.head)) check("head.classifier.weight", {config_.num_labels, config_.hidden_size});
  if (problems.empty()) return;
  // Where a network of these sizes is not much larger than the files, making one names everything that does not fit.
  if (values_at_least() <= kMostExpansion * static_cast<double>(weights_.values())) make_model(DType::f32, Device::cpu);
  throw_if_any(problems);
}

void ModelDirectory::check_names(const Model& model) const {
  std::set<std::string> known;
  if (config_.final_logits_bias) known.insert(name_in_files("final_logits_bias"));
  if (config_.position_table == PositionTable::sinusoidal) {
    if (config_.has_encoder()) known.insert(place_of(kPositions[0]).name);
    if (config_.has_decoder()) known.insert(place_of(kPositions[1]).name);
  }
  for (const WeightCopy& copy : architecture_->copies) {
    if (!is_copy(copy)) continue;
    known.insert(name_in_files(std::string(copy.theirs)));
    known.insert(name_in_files(their_name(*architecture_, copy.ours)));
  }
  WeightProblems problems;
  for (const Parameter& parameter : model.parameters.all()) {
    check_weight(parameter.name, parameter.value.shape(), problems);
    known.insert(place_of(parameter.name).name);
  }
  known.erase("");  // the name of missing copies
  for (const auto& [name, weight] : weights_.all()) {
    if (!known.contains(name) && !is_ignored(*architecture_, name)) problems.add_unknown(name);
  }
  throw_if_any(problems);
}

// Refuses files in which an output layer or second embedding differs from the weight that it should copy; its values would be lost.
void ModelDirectory::check_copies() const {
  for (const WeightCopy& copy : architecture_->copies) {
    if (!is_copy(copy)) continue;
    const std::string used = place_of(copy.ours).name, name = name_in_files(std::string(copy.theirs));
    if (name.empty() || name == used || same_values(name, used)) continue;
    fail(ErrorCode::unsupported, "{}: \"{}\" differs from \"{}\"; only models where they are one weight are supported{}",
         weights_.path().string(), name, used, config_.tie_word_embeddings ? "" : " (\"tie_word_embeddings\" is false)");
  }
}

}  // namespace qkv
