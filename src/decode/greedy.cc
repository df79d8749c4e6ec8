#include <numeric>

#include "decode/strategies.h"

namespace qkv {
namespace {

void append(Hypothesis& hypothesis, Candidate next) {
  hypothesis.ids.push_back(next.id);
  hypothesis.token_scores.push_back(next.log_probability);
}

}  // namespace

// The likeliest token each time, until an end token or the source's max_length. Finished sources leave the batch.
std::vector<std::vector<Hypothesis>> greedy_search(const SearchInput& input) {
  const TransformerConfig& config = input.network.config();
  const NextTokens next_tokens(input.options, config);
  std::vector<Hypothesis> found(input.max_lengths.size());
  std::vector<int32_t> tokens(found.size(), config.decoder_start_token_id), sources(found.size());
  std::iota(sources.begin(), sources.end(), 0);
  std::vector<int32_t> parents = sources;

  for (int length = 1; length < input.options.max_length && !sources.empty(); ++length) {
    if (input.options.on_step) input.options.on_step();
    if (const std::vector<Candidate> forced = next_tokens.forced(length); !forced.empty()) {
      for (const int32_t source : sources) append(found[source], forced.front());
      break;
    }
    const std::vector<Candidate> best =
        next_tokens.best(input.network.step(input.state, tokens, parents, sources, input.context), length, 1);
    size_t running = 0;
    for (size_t row = 0; row < best.size(); ++row) {
      if (best[row].id < 0) continue;  // every token is suppressed
      append(found[sources[row]], best[row]);
      if (config.is_eos(best[row].id) || length + 1 >= input.max_lengths[sources[row]]) continue;
      tokens[running] = best[row].id;
      parents[running] = static_cast<int32_t>(row);
      sources[running++] = sources[row];
    }
    tokens.resize(running);
    parents.resize(running);
    sources.resize(running);
  }

  std::vector<std::vector<Hypothesis>> result(found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    found[i].score = static_cast<float>(std::accumulate(found[i].token_scores.begin(), found[i].token_scores.end(), 0.0));
    result[i].push_back(std::move(found[i]));
  }
  return result;
}

}  // namespace qkv
