#include "decode/generator.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/option_error.h"
#include "decode/logits_processors/end_token_bonus.h"
#include "decode/logits_processors/forbidden_tokens.h"
#include "decode/logits_processors/forced_last_tokens.h"
#include "decode/logits_processors/repeated_tokens.h"
#include "decode/option_table.h"
#include "decode/step.h"
#include "models/model.h"

namespace qkv {
namespace {

LogitsProcessors make_processors(const GenerateOptions& options, const TransformerConfig& config) {
  LogitsProcessors processors;
  processors.add(std::make_unique<RepeatedTokens>(options.rules));
  processors.add(std::make_unique<EndTokenBonus>(options.rules, config.eos_token_ids, EndTokenBonus::Arithmetic::plain_float));
  processors.add(std::make_unique<ForbiddenTokens>(options.rules, config, options.min_new_tokens));
  processors.add(std::make_unique<ForcedLastTokens>(options.rules.forced_last, options.max_new_tokens));
  return processors;
}

// If the tokens exceed the context, restarts with the last three quarters of it.
void fit_context(Step& step, Sequence& sequence, size_t most) {
  if (most == 0 || sequence.read_tokens() + sequence.unread_tokens() <= most) return;
  step.restart(sequence, std::max<size_t>(1, most * 3 / 4));
}

}  // namespace

int64_t context_of(const TransformerConfig& config) {
  return config.position_table != PositionTable::none ? config.max_position_embeddings : 0;  // rotary and bias positions: no limit
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
  constexpr double kOneToken = 1e-300;  // transformers' value for a top_p of 0
  constexpr int kTopK = 50;             // transformers' top_k if do_sample is true and top_k is missing
  const double default_temperature = generation.do_sample == false ? 0 : double{generation.temperature.value_or(1)};
  return {.temperature = chosen.temperature.value_or(default_temperature),
          .top_k = chosen.top_k.value_or(generation.top_k.value_or(generation.do_sample == true ? kTopK : 0)),
          .top_p = chosen.top_p.value_or(std::max<double>(generation.top_p.value_or(1), kOneToken)),
          .min_p = chosen.min_p.value_or(generation.min_p),
          .typical_p = chosen.typical_p.value_or(generation.typical_p),
          .epsilon_cutoff = chosen.epsilon_cutoff.value_or(generation.epsilon_cutoff),
          .eta_cutoff = chosen.eta_cutoff.value_or(generation.eta_cutoff)};
}

GenerateOptions resolve_options(const GeneratorOptions& chosen, const Model& model, int64_t prompt_tokens) {
  const GenerationDefaults& generation = model.generation;
  QKV_CHECK_OPTION(chosen.max_new_tokens.value_or(1) >= 1, "`max_new_tokens` {} is too few; 1 is the least", *chosen.max_new_tokens);
  GenerateOptions options;
  options.sampling = resolve_sampling(chosen, generation);
  validate(options.sampling);
  check_ranges(generator_option_table(), chosen);
  options.rules = token_rules(generation);
  options.rules.repetition_penalty = chosen.repetition_penalty.value_or(options.rules.repetition_penalty);
  options.rules.no_repeat_ngram_size = chosen.no_repeat_ngram_size.value_or(options.rules.no_repeat_ngram_size);
  options.dtype = activation_type(model);
  options.seed = static_cast<uint64_t>(chosen.seed);
  options.sample = static_cast<uint32_t>(chosen.sample);
  if (chosen.max_new_tokens || generation.max_new_tokens) {
    options.max_new_tokens = chosen.max_new_tokens ? *chosen.max_new_tokens : *generation.max_new_tokens;
  } else if (generation.max_length) {
    options.max_new_tokens = *generation.max_length - prompt_tokens;
    QKV_CHECK_OPTION(options.max_new_tokens >= 1, "the prompt has {} tokens, and \"max_length\" in {} is {}; choose `max_new_tokens`",
                     prompt_tokens, generation.file, *generation.max_length);
  }
  if (chosen.min_new_tokens) {
    options.min_new_tokens = *chosen.min_new_tokens;
    return options;
  }
  options.min_new_tokens = generation.min_new_tokens ? *generation.min_new_tokens : generation.min_length - prompt_tokens;
  return options;
}

GeneratedTokens generate(const Transformer& network, std::span<const int32_t> prompt, const GenerateOptions& options,
                         const std::function<void(int32_t)>& on_token) {
  const TransformerConfig& config = network.config();
  QKV_REQUIRE(!config.has_encoder(), "[generate] the network has an encoder; it {}", use_of(config));
  QKV_REQUIRE(!prompt.empty(), "[generate] the prompt has no tokens");
  validate(options.sampling);
  validate(options.rules, config);
  const RecordScope no_gradient(nullptr);
  ForwardContext context;
  context.dtype = options.dtype;
  Step step(network, context);
  const LogitsProcessors processors = make_processors(options, config);
  GeneratedTokens result;
  Sequence sequence = step.join({prompt.begin(), prompt.end()}, {config.eos_token_ids}, {options.seed, options.sample});
  Sequence* const batch[] = {&sequence};
  while (sequence.new_tokens() < options.max_new_tokens) {
    if (options.on_step) options.on_step();
    fit_context(step, sequence, static_cast<size_t>(context_of(config)));
    const Tensor scores = step.run(batch).to(DType::f32, Device::cpu);
    processors.apply(scores, histories_of(batch));
    const int32_t next = draw_token({scores.host<float>(), static_cast<size_t>(scores.numel())}, options.sampling, sequence.draw());
    sequence.append(next);
    if (sequence.end() == SequenceEnd::end_token) {
      result.end = GenerationEnd::end_of_text;
      break;
    }
    result.ids.push_back(next);
    if (on_token) on_token(next);
  }
  return result;
}

}  // namespace qkv
