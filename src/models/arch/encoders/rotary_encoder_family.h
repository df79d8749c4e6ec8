// NomicBERT, GTE and Jina embeddings v3: BERT with rotary positions in place of the table, whose keys of config.json and names of weights
// have much in common.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string_view>
#include <vector>

#include "models/arch/encoders/encoder_family.h"

namespace qkv {

// Values of missing keys.
struct RotaryEncoderDefaults {
  EncoderDefaults sizes;
  double theta = 10000;
  bool gated = false;
  bool attention_bias = true, feed_forward_bias = true, inner_bias = true;
};

// Reads every key but those of the head, with `rope` in place of the keys of rotary positions if it is given.
UniformConfig read_rotary_encoder(const ConfigReader& in, Head head, const RotaryEncoderDefaults& defaults,
                                  const std::optional<RopeOptions>& rope = {});
// The network with the biases of the class.
TransformerConfig with_biases(const UniformConfig& config, const RotaryEncoderDefaults& defaults);
void write_rotary_encoder(const TransformerConfig& config, nlohmann::ordered_json& out);

// transformers' names of the modules. It reads them, but writes those of the authors.
std::vector<WeightName> rotary_encoder_names(std::string_view prefix, const RotaryEncoderDefaults& defaults,
                                             std::vector<WeightName> head_names = {});
// Parts of the authors' tensors with all of q, k and v, and with both halves of a gated feed-forward network.
inline constexpr FusedPart qkv_part(int index) { return {.of = FusedPart::Of::qkv, .index = index}; }
inline constexpr FusedPart gate_up_part(int index) { return {.of = FusedPart::Of::gate_up, .index = index}; }

}  // namespace qkv
