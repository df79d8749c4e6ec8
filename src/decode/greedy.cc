#include <numeric>

#include "decode/strategies.h"

namespace qkv {
namespace {

void append(Hypothesis& hypothesis, Candidate next) {
  hypothesis.ids.push_back(next.id);
  hypothesis.token_scores.push_back(next.log_probability);
}

// The forced token, which needs no step, or the likeliest one of each sequence.
std::vector<Candidate> best_tokens(Step& step, const NextTokens& next_tokens, std::vector<Sequence>& running) {
  const std::vector<Candidate> forced = next_tokens.forced(running.front().new_tokens());
  if (!forced.empty()) return std::vector<Candidate>(running.size(), forced.front());
  const std::vector<Sequence*> batch = pointers_to(running);
  return next_tokens.best(step.run(batch), histories_of(batch), 1);
}

}  // namespace

// Chooses the likeliest token until an end token or the source's max_length. Finished sources leave the batch.
std::vector<std::vector<Hypothesis>> greedy_search(SearchInput input) {
  const NextTokens next_tokens(input.options, input.config);
  std::vector<Hypothesis> found(input.sources.size());
  std::vector<Sequence> running;
  std::vector<size_t> source_of(found.size());
  std::iota(source_of.begin(), source_of.end(), 0);
  for (const size_t i : source_of) {
    const StopRules stop{input.config.eos_token_ids, static_cast<size_t>(input.max_lengths[i])};
    running.push_back(input.step.join({input.decoder_start}, stop, {}, std::move(input.sources[i])));
  }

  while (!running.empty()) {
    if (input.options.on_step) input.options.on_step();
    const std::vector<Candidate> best = best_tokens(input.step, next_tokens, running);
    std::vector<Sequence> still_running;
    std::vector<size_t> still_source_of;
    for (size_t row = 0; row < best.size(); ++row) {
      if (best[row].id < 0) continue;  // all tokens are suppressed
      append(found[source_of[row]], best[row]);
      running[row].append(best[row].id);
      if (running[row].end() != SequenceEnd::running) continue;
      still_running.push_back(std::move(running[row]));
      still_source_of.push_back(source_of[row]);
    }
    running = std::move(still_running);
    source_of = std::move(still_source_of);
  }

  std::vector<std::vector<Hypothesis>> result(found.size());
  for (size_t i = 0; i < found.size(); ++i) {
    found[i].score = static_cast<float>(std::accumulate(found[i].token_scores.begin(), found[i].token_scores.end(), 0.0));
    result[i].push_back(std::move(found[i]));
  }
  return result;
}

}  // namespace qkv
