// Transformer against CNN: convolutions of some depth, with and without one layer of attention, and translation by convolutions that attend
// to the source. Their speed: sequence_speed.cc.
#include "lab/questions/questions.h"
#include "lab/tasks/probes.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kWidth = 3;

// Gated convolutions in residuals with norms, without a feed-forward; "-attention": the last layer is global self-attention.
NetworkOptions options_of(const std::string& arm, int vocabulary) {
  NetworkOptions transformer{
      .vocab_size = vocabulary, .hidden_size = 64, .layers = 2, .heads = 4, .ffn_size = 256, .position = Position::rope};
  transformer.qk_gain = 6.25f;  // W_Q and W_K start with deviation 1/8, as Xavier's do
  if (arm == "transformer") return transformer;
  NetworkOptions options{
      .vocab_size = vocabulary, .heads = 4, .ffn_size = 0, .mixer = Mixer::convolution, .position = Position::none, .width = kWidth};
  options.layers = arm == "conv-2" ? 2 : arm == "conv-8" ? 8 : 4;
  if (arm == "conv-4-attention") {
    options.mixers.assign(static_cast<size_t>(options.layers), Mixer::convolution);
    options.mixers.back() = Mixer::attention;
  }
  return with_parameters(options, count_parameters(transformer));
}

void recall_at_distances(const Job& job, const NetworkOptions& options, Outcome& outcome) {
  const TaskOptions task{.task = Task::distant, .symbols = 16, .min_length = 2, .length = 128};
  learn_task(job, options, task, "recall", {.steps = 800, .sequences = 32, .learning_rate = 4e-3}, outcome, [&](const Network& network) {
    for (int distance = 2; distance <= 128; distance *= 2) {
      TaskOptions at = task;
      at.min_length = at.length = distance;
      const double accuracy = judge(job.cancellation, network, job.judged(8), [&](int64_t i) {
                                return make_batch(at, 16, test_stream(job.seed, 1000 + i));
                              }).accuracy;
      outcome.series["recall"].emplace_back(distance, accuracy);
      if (distance == 64) outcome.values["recall at 64"] = accuracy;
    }
  });
}

void translate(const Job& job, Outcome& outcome) {
  std::optional<PairNetworkOptions> convolutions;
  if (job.arm != "transformer") {
    convolutions = PairNetworkOptions{.kind = PairNetworkOptions::Kind::convolutional,
                                      .hidden_size = 64,
                                      .layers = 4,
                                      .width = kWidth,
                                      .max_positions = 512,
                                      .dropout = 0.1f};
  }
  learn_translation(job, convolutions, outcome);
}

Outcome run(const Job& job) {
  Outcome outcome;
  const NetworkOptions options = options_of(job.arm, PlainText::of(job).vocab_size());
  learn_text(job, options, {.steps = 1000, .learning_rate = 4e-3}, outcome);
  recall_at_distances(job, options, outcome);
  if (job.arm == "transformer" || job.arm == "conv-4-attention") translate(job, outcome);
  if (job.arm.starts_with("conv") && options.mixers.empty()) outcome.values["receptive field"] = 1 + options.layers * (options.width - 1);
  return outcome;
}

const std::vector<std::string> kArms{"transformer", "conv-2", "conv-4", "conv-8", "conv-4-attention"};

}  // namespace

Experiment convolutional() {
  return {
      .name = "convolutional",
      .question = "Transformer against CNN, and CNN with attention",
      .arms = kArms,
      .data = {"text", "translation"},
      .run = run,
      .claims = {more_by("self-attention names a token 64 back at least 30 points more often than 4 convolutions", "recall at 64",
                         "transformer", "conv-4", 0.3),
                 more_by("with one layer of attention over them convolutions do so, too", "recall at 64", "conv-4-attention", "conv-4",
                         0.3),
                 less_by("a Transformer needs fewer bits per byte than 4 convolutions", "bits per byte", "transformer", "conv-4", 0),
                 less_by("a Transformer translates with less loss than convolutions with attention", "translation loss", "transformer",
                         "conv-4-attention", 0)},
      .columns = {{"parameters", "parameters", 0},
                  {"receptive field", "sees tokens", 0},
                  {"bits per byte", "bits per byte", 3},
                  {"recall at 64", "recall at 64", 2},
                  {"translation parameters", "parameters (translation)", 0},
                  {"translation loss", "nats per target token", 3}},
  };
}

}  // namespace qkv::lab
