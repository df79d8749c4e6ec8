// The effect of residual connections and LayerNorm: gradients at the start and training, by depth, with and without warm-up.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "autograd/backward.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/record/statistics.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr double kUnbounded = std::numeric_limits<double>::infinity();
constexpr int kContext = 32, kSequences = 16;
constexpr int kDepths[] = {2, 4, 8, 16, 32}, kTrainedDepths[] = {2, 8, 32};

NetworkOptions options_of(const std::string& arm, int layers, int vocab_size) {
  NetworkOptions options{.vocab_size = vocab_size, .hidden_size = 64, .layers = layers, .heads = 4, .ffn_size = 128};
  options.position = Position::sinusoidal;
  options.max_positions = kContext;
  options.initializer_range = 0;  // as in the paper, because claims about post-norm refer to this start
  if (arm == "post") options.norm_place = NormPlace::post;
  if (arm == "pre-rms") options.norm = NormKind::rms;
  if (arm == "no-norm") options.norm_place = NormPlace::none;
  if (arm == "no-residual") options.residual = false;
  return options;
}

Tensor loss_of(const Network& network, const PlainText& text, const Job& job, int64_t step, ForwardContext& context) {
  const Batch batch = text.training_batch(kSequences, kContext, training_stream(job.seed, step));
  return network.loss(batch.input, batch.targets, context).loss;
}

// Norm of the gradient of the matrices whose names have this prefix.
double gradient_norm(const ParameterStore& store, const std::string& beginning) {
  double squares = 0;
  for (const Parameter& parameter : store.all()) {
    if (!parameter.decay || !parameter.name.starts_with(beginning)) continue;
    for (const float g : parameter.value.grad().to_vector()) squares += static_cast<double>(g) * g;
  }
  return std::sqrt(squares);
}

// Measured before training.
void measure_gradients(const Job& job, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  std::vector<double> log_depth, log_last;
  for (const int depth : kDepths) {
    ParameterStore store(job.seed, true);
    const Network network(options_of(job.arm, depth, text.vocab_size()), store);
    Tape tape;
    ForwardContext context{.training = true, .seed = job.seed};
    Tensor loss;
    {
      const RecordScope recording(&tape);
      loss = loss_of(network, text, job, 0, context);
    }
    backward(tape, loss);
    log_depth.push_back(std::log(depth));
    log_last.push_back(std::log(gradient_norm(store, fmt::format("layers.{}.feed_forward.fc2", depth - 1))));
    if (depth != 8 && depth != 32) continue;
    Series& series = outcome.series[fmt::format("gradient of {}", depth)];
    for (int layer = 0; layer < depth; ++layer) series.emplace_back(layer + 1, gradient_norm(store, fmt::format("layers.{}.", layer)));
    outcome.values[fmt::format("first / last of {}", depth)] = series.front().second / series.back().second;
  }
  outcome.values["last layer's gradient exponent"] = fit_line(log_depth, log_last).slope;
}

double trained_bits(const Job& job, int layers, bool warmup, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  ParameterStore store(job.seed, true);
  const Network network(options_of(job.arm, layers, text.vocab_size()), store);
  const TrainingOutcome trained = train(
      store,
      {.steps = job.scaled(180), .learning_rate = 1e-3, .warmup = warmup ? 0.5 : 0, .seed = job.seed, .cancellation = job.cancellation},
      [&](int64_t step, ForwardContext& context) { return loss_of(network, text, job, step, context); });
  if (layers == 32) outcome.series[warmup ? "loss" : "loss without warm-up"] = trained.losses;
  const double guessing = std::log2(text.vocab_size());
  return trained.diverged ? guessing : std::min(guessing, text.bits_per_byte(network, job.judged(100), kContext));
}

Outcome run(const Job& job) {
  Outcome outcome;
  measure_gradients(job, outcome);
  for (const int layers : kTrainedDepths) {
    const double with = trained_bits(job, layers, true, outcome), without = trained_bits(job, layers, false, outcome);
    outcome.values[fmt::format("bits at {}", layers)] = with;
    outcome.values[fmt::format("bits at {} without warm-up", layers)] = without;
    outcome.values[fmt::format("cost of no warm-up at {}", layers)] = without - with;
    outcome.series["bits"].emplace_back(layers, with);
    outcome.series["bits without warm-up"].emplace_back(layers, without);
  }
  return outcome;
}

const std::vector<std::string> kArms{"pre", "pre-rms", "post", "no-norm", "no-residual"};

}  // namespace

Experiment residual_norm() {
  return {
      .name = "residual_norm",
      .question = "What do residual connections and LayerNorm do?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {more_by("32 layers without residual lose at least 0.5 bits per byte", "bits at 32", "no-residual", "pre", 0.5),
                 more_by("32 layers without norm lose at least 0.1", "bits at 32", "no-norm", "pre", 0.1),
                 between("8 layers of post-norm lose at least 0.2 without warm-up", "cost of no warm-up at 8", "post", 0.2, kUnbounded),
                 between("8 layers of pre-norm lose less than 0.1 without warm-up", "cost of no warm-up at 8", "pre", -kUnbounded, 0.1),
                 same_within("RMSNorm is within 0.05 bits of LayerNorm", "bits at 32", "pre-rms", "pre", 0.05),
                 between("pre-norm's gradient falls like L^-0.5", "last layer's gradient exponent", "pre", -0.7, -0.3),
                 between("post-norm's gradient does not depend on L", "last layer's gradient exponent", "post", -0.15, 0.15)},
      .columns = {{"bits at 2", "bits per byte, 2 layers"},
                  {"bits at 8", "8 layers"},
                  {"bits at 32", "32 layers"},
                  {"bits at 2 without warm-up", "2 without warm-up"},
                  {"bits at 8 without warm-up", "8 without warm-up"},
                  {"bits at 32 without warm-up", "32 without warm-up"},
                  {"first / last of 32", "gradient of the first / last of 32 layers"},
                  {"last layer's gradient exponent", "gradient of the last W₂ ~ L^…", 2}},
  };
}

}  // namespace qkv::lab
