#include "models/model.h"

#include "models/generation_config.h"

namespace qkv {

Model::Model(const TransformerConfig& config, uint64_t seed, bool initialize, Device device, DType matrices)
    : config(config), generation(default_generation(config)), parameters(seed, initialize, device, matrices), network(config, parameters) {}

std::unique_ptr<Model> create_model(const TransformerConfig& config, uint64_t seed, Device device) {
  return std::make_unique<Model>(config, seed, true, device);
}

}  // namespace qkv
