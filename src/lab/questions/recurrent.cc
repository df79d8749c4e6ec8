// Transformer against RNN, GRU and LSTM: how well each learns at equal size. Their speed: sequence_speed.cc.
#include <cmath>

#include "autograd/backward.h"
#include "lab/questions/questions.h"
#include "lab/tasks/probes.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64;

// Layers as in classical use: no residual, norm or feed-forward.
NetworkOptions recurrent(Mixer mixer) {
  NetworkOptions options{.layers = 2, .heads = 1, .ffn_size = 0, .mixer = mixer, .norm_place = NormPlace::none, .residual = false};
  options.position = Position::none;
  options.embedding_deviation = 1;
  return options;
}

NetworkOptions options_of(const std::string& arm, int vocabulary) {
  NetworkOptions transformer{
      .vocab_size = vocabulary, .hidden_size = 64, .layers = 2, .heads = 4, .ffn_size = 256, .position = Position::rope};
  transformer.qk_gain = 6.25f;  // W_Q and W_K start with deviation 1/8, as Xavier's do
  if (arm == "transformer") return transformer;
  NetworkOptions options = recurrent(arm == "tanh" ? Mixer::tanh_rnn : arm == "gru" ? Mixer::gru : Mixer::lstm);
  options.vocab_size = options.outputs = vocabulary;
  return with_parameters(options, count_parameters(transformer));
}

// The best of 0.002, 0.004, 0.01 and 0.02 for the text, tried with seed 1.
double learning_rate_of(const std::string& arm) {
  if (arm.starts_with("lstm")) return 0.02;
  return arm == "tanh" ? 0.004 : 0.01;
}

// Operations with weights are 6 per weight and token for all; attention's scores and sums are the Transformer's extra (Kaplan et al. 2020,
// section 2.1): 12 layers * hidden * context / 2 per token.
double flops_ratio() {
  const double weights = 2.0 * (4 * 64 * 64 + 2 * 64 * 256), scores = 2.0 * 64 * kContext / 2 * 2;
  return 1 + scores / weights;
}

// How much the loss of a window's last token depends on earlier tokens, relative to the last: the norm of the gradient of the first layer's
// input, by distance.
void measure_gradients(const Job& job, const Network& network, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  std::vector<double> norms(kContext);
  const int64_t windows = job.judged(50);
  for (int64_t window = 0; window < windows; ++window) {
    const auto from = text.test().begin() + window * kContext;
    const TokenBatch batch{{from, from + kContext}, Segments::of_lengths(std::vector<int32_t>{kContext})};
    ForwardContext context;
    const Tensor rows = network.embed(batch, context);
    rows.set_requires_grad(true);
    Tape tape;
    CrossEntropyResult loss;
    {
      const RecordScope recording(&tape);
      const Tensor last = select_rows(network.forward_rows(rows, batch.segments, context), std::vector<int32_t>{kContext - 1});
      loss = network.loss_of_rows(last, std::span(&from[kContext], 1));
    }
    backward(tape, loss.loss);
    const Tensor gradient = rows.grad();
    for (int distance = 0; distance < kContext; ++distance) {
      const float* row = gradient.host<float>() + (kContext - 1 - distance) * gradient.cols();
      double squares = 0;
      for (int64_t c = 0; c < gradient.cols(); ++c) squares += row[c] * row[c];
      norms[distance] += std::sqrt(squares) / static_cast<double>(windows);
    }
  }
  for (int distance = 0; distance < kContext; ++distance) outcome.series["gradient"].emplace_back(distance, norms[distance] / norms[0]);
  outcome.values["gradient at 32"] = norms[32] / norms[0];
}

void recall_at_distances(const Job& job, const NetworkOptions& options, Outcome& outcome) {
  const TaskOptions task{.task = Task::distant, .symbols = 16, .min_length = 8, .length = 512};
  learn_task(job, options, task, "recall", {.steps = 600, .sequences = 12, .learning_rate = learning_rate_of(job.arm)}, outcome,
             [&](const Network& network) {
               for (int distance = 8; distance <= 512; distance *= 2) {
                 TaskOptions at = task;
                 at.min_length = at.length = distance;
                 const double accuracy = judge(job.cancellation, network, job.judged(8), [&](int64_t i) {
                                           return make_batch(at, 16, test_stream(job.seed, 1000 + i));
                                         }).accuracy;
                 outcome.series["recall"].emplace_back(distance, accuracy);
                 if (distance == 512) outcome.values["recall at 512"] = accuracy;
               }
             });
}

void translate(const Job& job, Outcome& outcome) {
  std::optional<PairNetworkOptions> lstm;
  if (job.arm != "transformer") lstm = PairNetworkOptions{.hidden_size = 84, .dropout = 0.1f};
  learn_translation(job, lstm, outcome);
}

Outcome run(const Job& job) {
  Outcome outcome;
  const int vocabulary = PlainText::of(job).vocab_size();
  const NetworkOptions options = options_of(job.arm, vocabulary);
  const double steps = 1000 * (job.arm == "lstm-equal-flops" ? flops_ratio() : 1);
  learn_text(job, options, {.steps = std::llround(steps), .learning_rate = learning_rate_of(job.arm)}, outcome,
             [&](const Network& network) { measure_gradients(job, network, outcome); });
  if (job.arm == "lstm-equal-flops") return outcome;
  recall_at_distances(job, options, outcome);
  if (job.arm == "transformer" || job.arm == "lstm") translate(job, outcome);
  return outcome;
}

const std::vector<std::string> kArms{"transformer", "lstm", "gru", "tanh", "lstm-equal-flops"};

}  // namespace

Experiment recurrent() {
  return {
      .name = "recurrent",
      .question = "Transformer against RNN and LSTM: which learns better?",
      .arms = kArms,
      .data = {"text", "translation"},
      .run = run,
      .claims = {less_by("a Transformer needs fewer bits per byte than an LSTM", "bits per byte", "transformer", "lstm", 0),
                 less_by("a Transformer translates with less loss than an LSTM with attention", "translation loss", "transformer", "lstm",
                         0),
                 more_by("a Transformer names a token 512 back at least 20 points more often than a tanh RNN", "recall at 512",
                         "transformer", "tanh", 0.2),
                 times_at_least("a Transformer's gradient over 32 characters is at least twice a tanh RNN's", "gradient at 32",
                                "transformer", "tanh", 2)},
      .columns = {{"parameters", "parameters", 0},
                  {"bits per byte", "bits per byte", 3},
                  {"recall at 512", "recall at 512", 2},
                  {"gradient at 32", "gradient at 32", 4},
                  {"translation parameters", "parameters (translation)", 0},
                  {"translation loss", "nats per target token", 3}},
  };
}

}  // namespace qkv::lab
