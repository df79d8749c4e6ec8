// LayerNorm or BatchNorm in the networks of residual_norm.cc, before each sub-layer: in use, with the averages gathered in training, and
// by the statistics of the batch that is judged.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 32, kSequences = 16, kJudged = 20, kDepths[] = {2, 8, 32};

NetworkOptions options_of(const std::string& arm, int layers, int vocab_size) {
  NetworkOptions options{.vocab_size = vocab_size, .hidden_size = 64, .layers = layers, .heads = 4, .ffn_size = 128};
  options.position = Position::sinusoidal;
  options.max_positions = kContext;
  options.initializer_range = 0;
  if (arm == "batch") options.batch_norm = BatchStatistics::all;
  if (arm == "batch-causal") options.batch_norm = BatchStatistics::earlier;
  return options;
}

// Bits per byte if BatchNorm takes its statistics from the batch that is judged, as in training: 20 windows at a time.
double bits_by_the_batch(const Job& job, const PlainText& text, const Network& network) {
  const int64_t batches = std::max<int64_t>(1, job.judged(100) / kJudged);
  double loss = 0;
  for (int64_t i = 0; i < batches; ++i) {
    const Batch batch = text.test_batch(i * kJudged, kJudged, kContext);
    ForwardContext context{.training = true, .seed = job.seed};
    loss += network.loss(batch.input, batch.targets, context).loss.to_vector().front();
  }
  return loss / static_cast<double>(batches) / std::log(2.0) / text.bytes_per_token();
}

void learn(const Job& job, int layers, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  ParameterStore store(job.seed, true);
  const Network network(options_of(job.arm, layers, text.vocab_size()), store);
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(180), .learning_rate = 1e-3, .warmup = 0.5, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const Batch batch = text.training_batch(kSequences, kContext, training_stream(job.seed, step));
              return network.loss(batch.input, batch.targets, context).loss;
            });
  const double guessing = std::log2(text.vocab_size());
  const auto capped = [&](double bits) { return trained.diverged ? guessing : std::min(guessing, bits); };
  const double in_use = capped(text.bits_per_byte(network, job.judged(100), kContext));
  outcome.values[fmt::format("bits at {}", layers)] = in_use;
  if (layers == 32) outcome.series["loss"] = trained.losses;
  if (network.options().batch_norm == BatchStatistics::none) return;
  const double by_the_batch = capped(bits_by_the_batch(job, text, network));
  outcome.values[fmt::format("bits at {} by the batch", layers)] = by_the_batch;
  outcome.values[fmt::format("cost of running averages at {}", layers)] = in_use - by_the_batch;
}

Outcome run(const Job& job) {
  Outcome outcome;
  for (const int layers : kDepths) learn(job, layers, outcome);
  return outcome;
}

}  // namespace

Experiment batch_norm() {
  return {
      .name = "batch_norm",
      .question = "LayerNorm or BatchNorm?",
      .seeds = 10,
      .arms = {"layer", "batch-causal", "batch"},
      .data = {"text"},
      .run = run,
      .claims = {more_by("32 layers of BatchNorm without a leak lose at least 0.05 bits against LayerNorm", "bits at 32", "batch-causal",
                         "layer", 0.05),
                 more_by("32 layers of BatchNorm over the whole batch lose at least 0.2 in use", "bits at 32", "batch", "layer", 0.2),
                 between("BatchNorm over the whole batch loses at least 0.1 by its running averages", "cost of running averages at 32",
                         "batch", 0.1, std::numeric_limits<double>::infinity())},
      .columns = {{"bits at 2", "bits per byte, 2 layers"},
                  {"bits at 8", "8 layers"},
                  {"bits at 32", "32 layers"},
                  {"bits at 2 by the batch", "2 layers, the batch's statistics"},
                  {"bits at 8 by the batch", "8 layers, the batch's statistics"},
                  {"bits at 32 by the batch", "32 layers, the batch's statistics"}},
  };
}

}  // namespace qkv::lab
