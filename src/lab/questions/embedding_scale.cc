// The effect of the factor √d of embeddings (Vaswani et al. 2017, section 3.4): learning with and without it, with sinusoids, which are as
// large as the scaled embeddings, and without it with learned positions, which start as small as the unscaled ones.
#include <numeric>

#include "lab/questions/questions.h"
#include "lab/tasks/probes.h"

namespace qkv::lab {
namespace {

NetworkOptions options_of(const std::string& arm) {
  NetworkOptions options{.hidden_size = 128, .layers = 2, .heads = 4, .ffn_size = 512};
  options.position = arm == "plain-learned" ? Position::learned : Position::sinusoidal;
  options.initializer_range = 0;  // as in the paper
  options.scale_embeddings = arm == "scaled";
  return options;
}

Outcome run(const Job& job) {
  Outcome outcome;
  learn_text(job, options_of(job.arm), {.steps = 400, .sequences = 8}, outcome);
  const Series& losses = outcome.series.at("text loss");
  const auto early = static_cast<std::ptrdiff_t>(losses.size() / 5);
  outcome.values["early loss"] =
      std::accumulate(losses.begin(), losses.begin() + early, 0.0, [](double sum, const auto& at) { return sum + at.second; }) /
      static_cast<double>(early);
  return outcome;
}

}  // namespace

Experiment embedding_scale() {
  return {
      .name = "embedding_scale",
      .question = "Why are embeddings multiplied by √d?",
      .seeds = 10,
      .arms = {"scaled", "plain", "plain-learned"},
      .data = {"text"},
      .run = run,
      .claims = {more_by("beside sinusoids, embeddings without the factor cost at least 0.05 nats in the first fifth of training",
                         "early loss", "plain", "scaled", 0.05),
                 more_by("at the end they cost at least 0.02 bits per byte", "bits per byte", "plain", "scaled", 0.02),
                 less_by("beside learned positions, which start small, they learn faster than beside sinusoids", "early loss",
                         "plain-learned", "plain", 0)},
      .columns = {{"parameters", "parameters", 0}, {"early loss", "loss in the first fifth", 3}, {"bits per byte", "bits per byte", 3}},
  };
}

}  // namespace qkv::lab
