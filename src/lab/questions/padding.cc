// The effect of padding that is not masked: a network that sees a sequence whole learns to sort it, and then reads it with padding behind.
#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/synthetic.h"

namespace qkv::lab {
namespace {

const TaskOptions kTask{.task = Task::sort, .symbols = 16, .min_length = 8, .length = 16, .continued = false};
constexpr int kMost = 64;  // tokens of padding

// Each sequence with `count(length)` tokens of padding behind it: the symbol that the task does not use. `visible`: they belong to the
// sequence; otherwise they are sequences of their own, which is what a mask amounts to.
template <typename Count>
Batch padded(const Batch& batch, bool visible, Count&& count) {
  Batch result;
  std::vector<int32_t> lengths;
  for (int64_t s = 0; s < batch.input.segments.count(); ++s) {
    const auto begin = batch.input.segments.begin(s), length = batch.input.segments.length(s);
    const auto padding = static_cast<int32_t>(count(length));
    const auto& ids = batch.input.ids;
    result.input.ids.insert(result.input.ids.end(), ids.begin() + begin, ids.begin() + begin + length);
    result.input.ids.insert(result.input.ids.end(), padding, kTask.symbols);
    result.targets.insert(result.targets.end(), batch.targets.begin() + begin, batch.targets.begin() + begin + length);
    result.targets.insert(result.targets.end(), padding, -1);
    lengths.push_back(static_cast<int32_t>(length) + (visible ? padding : 0));
    if (!visible && padding > 0) lengths.push_back(padding);
  }
  result.input.segments = Segments::of_lengths(lengths);
  return result;
}

// |f' - f| / |f| of the outputs for the real tokens, with padding and without.
double change(const Network& network, const Batch& alone, const Batch& with_padding) {
  const RecordScope no_gradient(nullptr);
  ForwardContext context;
  const Tensor expected = network.logits(network.forward(alone.input, context)),
               padded = network.logits(network.forward(with_padding.input, context));
  double changed = 0, whole = 0;
  int64_t row = 0;
  for (size_t at = 0; at < with_padding.targets.size(); ++at) {
    if (with_padding.targets[at] < 0) continue;
    for (int64_t c = 0; c < expected.cols(); ++c) {
      const double value = expected.host<float>()[row * expected.cols() + c];
      changed += std::pow(padded.host<float>()[static_cast<int64_t>(at) * expected.cols() + c] - value, 2);
      whole += value * value;
    }
    ++row;
  }
  return std::sqrt(changed / whole);
}

Outcome run(const Job& job) {
  NetworkOptions options{.vocab_size = vocabulary(kTask), .hidden_size = 64, .layers = 2, .heads = 4, .ffn_size = 256, .causal = false};
  options.position = Position::sinusoidal;
  options.max_positions = longest(kTask) + kMost;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  const bool visible = job.arm != "masked";
  train(store, {.steps = job.scaled(1000), .learning_rate = 4e-3, .seed = job.seed, .cancellation = job.cancellation},
        [&](int64_t step, ForwardContext& context) {
          Batch batch = make_batch(kTask, 32, training_stream(job.seed, step));
          if (job.arm == "unmasked-trained") batch = padded(batch, true, [](int64_t length) { return kTask.length - length; });
          return network.loss(batch.input, batch.targets, context).loss;
        });
  Outcome outcome;
  const auto test = [&](int64_t i) { return make_batch(kTask, 32, test_stream(job.seed, i)); };
  for (int padding = 0; padding <= kMost; padding = std::max(1, 2 * padding)) {
    const auto with_padding = [&](int64_t i) { return padded(test(i), visible, [&](int64_t) { return padding; }); };
    const double accuracy = judge(job.cancellation, network, job.judged(16), with_padding).accuracy;
    outcome.values[fmt::format("accuracy with {}", padding)] = accuracy;
    if (padding == 0) continue;
    outcome.series["accuracy"].emplace_back(padding, accuracy);
    outcome.values[fmt::format("change with {}", padding)] = change(network, test(0), with_padding(0));
  }
  return outcome;
}

}  // namespace

Experiment padding() {
  return {
      .name = "padding",
      .question = "What does padding do that is not masked?",
      .arms = {"masked", "unmasked", "unmasked-trained"},
      .run = run,
      .claims = {between("masked, 16 tokens of padding change nothing", "change with 16", "masked", -1, 1e-5),
                 more_by("visible, 16 tokens of padding cost at least 0.1 of accuracy", "accuracy with 16", "masked", "unmasked", 0.1),
                 between("a network that learned with visible padding still changes its outputs by it", "change with 16",
                         "unmasked-trained", 0.01, std::numeric_limits<double>::infinity())},
      .columns = {{"accuracy with 0", "right without padding", 3},
                  {"accuracy with 1", "with 1 padding", 3},
                  {"accuracy with 16", "with 16 padding", 3},
                  {"accuracy with 64", "with 64 padding", 3},
                  {"change with 1", "outputs changed by 1", 3},
                  {"change with 16", "outputs changed by 16", 3}},
  };
}

}  // namespace qkv::lab
