#include "decode/search.h"

#include <algorithm>
#include <cmath>

#include "decode/strategies.h"

namespace qkv {

SearchOptions default_search_options(const Model& model) {
  const GenerationDefaults& generation = model.generation;
  SearchOptions options;
  options.num_beams = generation.num_beams;
  options.length_penalty = generation.length_penalty;
  options.early_stopping = generation.early_stopping;
  options.max_length = generation.max_new_tokens ? *generation.max_new_tokens + 1 : generation.max_length.value_or(options.max_length);
  options.max_length = std::min(options.max_length, model.config.max_position_embeddings + 1);  // the last token is not an input
  options.min_length = generation.min_new_tokens ? *generation.min_new_tokens + 1 : generation.min_length;
  options.rules = token_rules(generation);
  options.renormalize = generation.renormalize_logits;
  return options;
}

namespace {

// Maximum length of each source's hypotheses, including the decoder start.
std::vector<int> max_lengths(const Segments& sources, const SearchOptions& options) {
  std::vector<int> result(static_cast<size_t>(sources.count()), options.max_length);
  if (options.max_length_factor == 0) return result;
  for (int64_t i = 0; i < sources.count(); ++i) {
    const double most = 1 + std::ceil(static_cast<double>(options.max_length_factor) * static_cast<double>(sources.length(i)));
    if (most < options.max_length) result[i] = static_cast<int>(most);
  }
  return result;
}

}  // namespace

std::vector<std::vector<Hypothesis>> search(const Transformer& network, const TokenBatch& sources, const SearchOptions& options,
                                            ForwardContext& context) {
  QKV_REQUIRE(options.num_beams >= 1, "[search] num_beams is {}; 1 is greedy search", options.num_beams);
  QKV_REQUIRE(options.num_return_sequences >= 1 && options.num_return_sequences <= options.num_beams,
              "[search] num_return_sequences is {}; possible: 1 to num_beams, which is {}", options.num_return_sequences,
              options.num_beams);
  QKV_REQUIRE(options.max_length >= 2, "[search] max_length is {}; it counts the decoder start, so 2 is the least", options.max_length);
  QKV_REQUIRE(options.max_length_factor >= 0 && std::isfinite(options.max_length_factor),
              "[search] max_length_factor is {}; 0 is no limit by the source", options.max_length_factor);
  validate(options.rules, network.config());
  QKV_REQUIRE(!options.decoder_start || (*options.decoder_start >= 0 && *options.decoder_start < network.config().vocab_size),
              "[search] decoder_start {} is outside the vocabulary of {} tokens", *options.decoder_start, network.config().vocab_size);
  for (int64_t i = 0; i < sources.segments.count(); ++i) {
    QKV_REQUIRE(sources.segments.length(i) > 0, "[search] source {} has no tokens", i);
  }
  if (sources.segments.count() == 0) return {};
  SearchOptions bounded = options;
  bounded.max_length = std::min(options.max_length, network.config().max_position_embeddings + 1);

  const RecordScope no_gradient(nullptr);
  const Tensor memory = network.encode(sources, context);
  Step step(network, context);
  const std::vector<int> lengths = max_lengths(sources.segments, bounded);
  const int32_t start = options.decoder_start.value_or(network.config().decoder_start_token_id);
  SearchInput input{network.config(), step, step.add_sources(memory, sources.segments), lengths, start, bounded};
  return bounded.num_beams == 1 ? greedy_search(std::move(input)) : beam_search(std::move(input));
}

}  // namespace qkv
