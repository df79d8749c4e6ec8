#include "models/model.h"

#include "models/generation_config.h"

namespace qkv {

Model::Model(const TransformerConfig& config, uint64_t seed, bool initialize, Device device, DType matrices)
    : config(config),
      generation(default_generation(config)),
      labels(!config.has_decoder() && config.head == Head::classification ? numbered_labels(config.num_labels)
                                                                          : std::vector<std::string>()),
      parameters(seed, initialize, device, matrices),
      network(config, parameters) {}

std::vector<std::string> numbered_labels(int count) {
  std::vector<std::string> labels;
  for (int i = 0; i < count; ++i) labels.push_back(fmt::format("LABEL_{}", i));
  return labels;
}

std::string_view use_of(const TransformerConfig& config) {
  if (config.kind == Kind::encoder_decoder) return "translates (qkv translate)";
  if (config.kind == Kind::decoder_only) return "continues texts (qkv generate)";
  if (config.head == Head::pooler) return "turns texts into vectors (qkv embed)";
  return config.head == Head::classification ? "labels texts (qkv classify)" : "fills in masked tokens (qkv eval --text)";
}

std::unique_ptr<Model> create_model(const TransformerConfig& config, uint64_t seed, Device device) {
  return std::make_unique<Model>(config, seed, true, device);
}

}  // namespace qkv
