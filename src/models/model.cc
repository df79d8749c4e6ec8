#include "models/model.h"

#include "models/generation_config.h"

namespace qkv {

Model::Model(const TransformerConfig& config, uint64_t seed, bool initialize, Device device, DType matrices)
    : config(config),
      generation(default_generation(config)),
      labels(config.has_head() && names_labels(config.head) ? numbered_labels(config.num_labels) : std::vector<std::string>()),
      parameters(seed, initialize, device, matrices),
      network(config, parameters) {}

std::vector<std::string> numbered_labels(int count) {
  std::vector<std::string> labels;
  for (int i = 0; i < count; ++i) labels.push_back(fmt::format("LABEL_{}", i));
  return labels;
}

std::string_view use_of(const TransformerConfig& config) {
  if (config.kind == Kind::encoder_decoder && !config.has_head()) return "translates (qkv translate)";
  if (config.kind == Kind::decoder_only) return "continues texts (qkv generate)";
  switch (config.head) {
    case Head::masked_lm: return "fills in masked tokens (qkv fill-mask)";
    case Head::classification:
      return config.label_kind == LabelKind::values ? "gives numbers for texts (qkv classify)" : "labels texts (qkv classify)";
    case Head::token_classification: return "labels tokens (qkv tag)";
    case Head::question_answering: return "finds answers in texts (qkv answer)";
    case Head::next_sentence: return "tells whether a text follows another (qkv classify --pairs)";
    case Head::replaced_tokens: return "tells which tokens were replaced, which no command prints";
    case Head::multiple_choice: return "chooses among texts (qkv choose)";
    default: return "turns texts into vectors (qkv embed)";
  }
}

std::unique_ptr<Model> create_model(const TransformerConfig& config, uint64_t seed, Device device) {
  return std::make_unique<Model>(config, seed, true, device);
}

}  // namespace qkv
