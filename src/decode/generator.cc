#include "decode/generator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "models/model.h"

namespace qkv {
namespace {

// The network with the tokens it has read.
class Reader {
 public:
  Reader(const Transformer& network, DType dtype) : network_(network), most_(static_cast<size_t>(context_of(network.config()))) {
    context_.dtype = dtype;
  }

  // The logits after the last of all tokens, of which `fresh` are new.
  Tensor read(std::span<const int32_t> all, size_t fresh) {
    if (state_.layers.empty() || (most_ > 0 && seen_ + fresh > most_)) {
      state_ = network_.start({}, {}, context_);
      seen_ = 0;
      fresh = most_ == 0 || all.size() <= most_ ? all.size() : std::max<size_t>(1, most_ * 3 / 4);
    }
    seen_ += fresh;
    const auto length = static_cast<int32_t>(fresh);
    constexpr int32_t kSelf = 0;
    const std::span<const int32_t> ids = all.last(fresh);
    return network_.advance(state_, {{ids.begin(), ids.end()}, Segments::of_lengths(std::span(&length, 1))}, std::span(&kSelf, 1), {},
                            context_);
  }

 private:
  const Transformer& network_;
  const size_t most_;  // tokens that it can see; 0: any number
  ForwardContext context_;
  DecoderState state_;
  size_t seen_ = 0;  // tokens in the state
};

int32_t next_token(const Tensor& logits, const TransformerConfig& config, const GenerateOptions& options, int64_t new_tokens) {
  std::vector<float> scores = logits.to_vector();
  SamplingOptions sampling = options.sampling;
  if (new_tokens + 1 == options.max_new_tokens && !options.rules.forced_last.empty()) {
    std::fill(scores.begin(), scores.end(), -std::numeric_limits<float>::infinity());
    for (const int32_t id : options.rules.forced_last) scores[static_cast<size_t>(id)] = 0;
  } else {
    const auto bonus = static_cast<float>(end_bonus(options.rules, new_tokens));
    for (const int32_t id : config.eos_token_ids) scores[static_cast<size_t>(id)] += std::abs(scores[static_cast<size_t>(id)]) * bonus;
    sampling.suppressed = forbidden_tokens(options.rules, config, new_tokens, new_tokens >= options.min_new_tokens);
  }
  return draw_token(scores, sampling, {options.seed, options.sample, static_cast<uint32_t>(new_tokens)});
}

}  // namespace

int64_t context_of(const TransformerConfig& config) {
  return config.position_table != PositionTable::none ? config.max_position_embeddings : 0;  // angles and distances have no end
}

int64_t trained_length_of(const TransformerConfig& config) {
  const int64_t positions = config.max_position_embeddings;
  int64_t length = 0;
  for (const LayerConfig& layer : config.decoder) {
    const std::optional<RopeOptions>& rope = layer.attention.rope;
    if (!rope || rope->scaling == RopeScaling::dynamic) return 0;
    const double stretched = rope->scaling == RopeScaling::none ? 0 : rope->factor * static_cast<double>(rope->original_max_positions);
    length = std::max(positions, static_cast<int64_t>(std::min(stretched, 0x1p40)));
  }
  return length;
}

SamplingOptions resolve_sampling(const GeneratorOptions& chosen, const GenerationDefaults& generation) {
  constexpr double kOneToken = 1e-300;  // what transformers makes of top_p 0
  constexpr int kTopK = 50;             // what it draws from where do_sample is true and top_k is not said
  const double default_temperature = generation.do_sample == false ? 0 : double{generation.temperature.value_or(1)};
  return {.temperature = chosen.temperature.value_or(default_temperature),
          .top_k = chosen.top_k.value_or(generation.top_k.value_or(generation.do_sample == true ? kTopK : 0)),
          .top_p = chosen.top_p.value_or(std::max<double>(generation.top_p.value_or(1), kOneToken))};
}

GenerateOptions resolve_options(const GeneratorOptions& chosen, const Model& model, int64_t prompt_tokens) {
  const GenerationDefaults& generation = model.generation;
  QKV_CHECK(chosen.max_new_tokens.value_or(1) >= 1, "--max-new-tokens {} is too few; 1 is the least", *chosen.max_new_tokens);
  QKV_CHECK(chosen.sample >= 0 && chosen.sample <= UINT32_MAX, "sample {} cannot be; possible: 0 to {}", chosen.sample, UINT32_MAX);
  GenerateOptions options;
  options.sampling = resolve_sampling(chosen, generation);
  validate(options.sampling);
  options.rules = token_rules(generation);
  options.dtype = activation_type(model);
  options.seed = static_cast<uint64_t>(chosen.seed);
  options.sample = static_cast<uint32_t>(chosen.sample);
  if (chosen.max_new_tokens || generation.max_new_tokens) {
    options.max_new_tokens = chosen.max_new_tokens ? *chosen.max_new_tokens : *generation.max_new_tokens;
  } else if (generation.max_length) {
    options.max_new_tokens = *generation.max_length - prompt_tokens;
    QKV_CHECK(options.max_new_tokens >= 1, "the prompt has {} tokens, and \"max_length\" in {} is {}; choose --max-new-tokens",
              prompt_tokens, generation.file, *generation.max_length);
  }
  options.min_new_tokens = generation.min_new_tokens ? *generation.min_new_tokens : generation.min_length - prompt_tokens;
  return options;
}

GeneratedTokens generate(const Transformer& network, std::span<const int32_t> prompt, const GenerateOptions& options,
                         const std::function<void(int32_t)>& on_token) {
  const TransformerConfig& config = network.config();
  QKV_CHECK(!config.has_encoder(), "[generate] the network has an encoder; it {}", use_of(config));
  QKV_CHECK(!prompt.empty(), "[generate] the prompt has no tokens");
  validate(options.sampling);
  validate(options.rules, config);
  const RecordScope no_gradient(nullptr);
  Reader reader(network, options.dtype);
  std::vector<int32_t> all(prompt.begin(), prompt.end());
  GeneratedTokens result;
  for (size_t fresh = all.size(); std::ssize(result.ids) < options.max_new_tokens; fresh = 1) {
    if (options.on_step) options.on_step();
    const int32_t next = next_token(reader.read(all, fresh), config, options, std::ssize(result.ids));
    if (config.is_eos(next)) {
      result.end = GenerationEnd::end_of_text;
      break;
    }
    all.push_back(next);
    result.ids.push_back(next);
    if (on_token) on_token(next);
  }
  return result;
}

}  // namespace qkv
