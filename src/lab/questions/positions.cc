// How does a Transformer know where tokens are? Six ways: order, quality, and texts longer than in training.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <numeric>

#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/synthetic.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64, kLongest = 4 * kContext;

const std::vector<std::string> kArms{"none", "sinusoidal", "learned", "rope", "alibi", "t5"};

NetworkOptions options_of(const std::string& arm) {
  NetworkOptions options{.hidden_size = 64, .layers = 2, .heads = 4, .ffn_size = 256};
  options.qk_gain = std::sqrt(1.0f / 64) / 0.02f;  // Xavier's start
  constexpr Position kinds[] = {Position::none, Position::sinusoidal, Position::learned, Position::rope, Position::alibi, Position::t5};
  options.position = kinds[std::find(kArms.begin(), kArms.end(), arm) - kArms.begin()];
  return options;
}

void learn_text(const Job& job, NetworkOptions options, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  options.vocab_size = text.vocab_size();
  options.max_positions = kLongest;  // learned ones past kContext keep their initial values
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  outcome.values["parameters"] = static_cast<double>(store.count());
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(1600), .learning_rate = 2e-3, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const Batch batch = text.training_batch(16, kContext, training_stream(job.seed, step));
              return network.loss(batch.input, batch.targets, context).loss;
            });
  outcome.series["text loss"] = trained.losses;
  for (int times = 1; times <= 4; times *= 2) {  // the same text in longer windows
    const double bits = text.bits_per_byte(network, 400 / times, times * kContext);
    outcome.values[fmt::format("bits at {}", times)] = bits;
    outcome.series["bits by length"].emplace_back(times * kContext, bits);
    outcome.values[fmt::format("change at {}", times)] = bits - outcome.values.at("bits at 1");
  }
}

// |f(Px) - P f(x)| / |f(x)| of a network's output f for random sequences x and permutations P: 0 if it cannot distinguish the order.
double permutation_change(const Network& network, const TaskOptions& task, uint64_t seed) {
  constexpr int kLength = 16;
  const RecordScope no_gradient(nullptr);
  double changed = 0, whole = 0;
  for (int64_t i = 0; i < 16; ++i) {
    RandomStream random = test_stream(seed, 1000 + i);
    TokenBatch batch{{}, Segments::of_lengths(std::vector<int32_t>{kLength})};
    std::vector<int32_t> order(kLength);
    std::iota(order.begin(), order.end(), 0);
    for (int k = kLength - 1; k > 0; --k) std::swap(order[k], order[random.below(k + 1)]);
    for (int k = 0; k < kLength; ++k) batch.ids.push_back(static_cast<int32_t>(random.below(task.symbols)));
    TokenBatch moved{{}, batch.segments};
    for (const int32_t k : order) moved.ids.push_back(batch.ids[k]);
    ForwardContext context;
    const Tensor straight = network.logits(network.forward(batch, context)), reordered = network.logits(network.forward(moved, context));
    for (int64_t row = 0; row < kLength; ++row) {
      for (int64_t c = 0; c < straight.cols(); ++c) {
        const double expected = straight.host<float>()[order[row] * straight.cols() + c];
        changed += std::pow(reordered.host<float>()[row * straight.cols() + c] - expected, 2);
        whole += expected * expected;
      }
    }
  }
  return std::sqrt(changed / whole);
}

// A network that sees the whole sequence learns to name each symbol's left neighbour.
void learn_order(const Job& job, NetworkOptions options, Outcome& outcome) {
  const TaskOptions task{.task = Task::left, .symbols = 16, .min_length = 8, .length = 16, .continued = false};
  options.vocab_size = vocabulary(task);
  options.max_positions = longest(task);
  options.causal = false;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  train(store, {.steps = job.scaled(1500), .learning_rate = 4e-3, .seed = job.seed, .cancellation = job.cancellation},
        [&](int64_t step, ForwardContext& context) {
          const Batch batch = make_batch(task, 32, training_stream(job.seed, step));
          return network.loss(batch.input, batch.targets, context).loss;
        });
  outcome.values["left"] =
      judge(job.cancellation, network, 16, [&](int64_t i) { return make_batch(task, 32, test_stream(job.seed, i)); }).accuracy;
  outcome.values["permutation change"] = permutation_change(network, task, job.seed);
}

Outcome run(const Job& job) {
  Outcome outcome;
  learn_text(job, options_of(job.arm), outcome);
  learn_order(job, options_of(job.arm), outcome);
  return outcome;
}

}  // namespace

Experiment positions() {
  return {
      .name = "positions",
      .question = "How does a Transformer know where tokens stand?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {between("without positions the outputs move with the inputs", "permutation change", "none", -1, 1e-3),
                 more_by("with sinusoids a network finds the left neighbour at least 50 points more often", "left", "sinusoidal", "none",
                         0.5),
                 less_by("on text sinusoids need at least 0.02 bits less than none", "bits at 1", "sinusoidal", "none", 0.02),
                 less_by("RoPE needs fewer bits than sinusoids", "bits at 1", "rope", "sinusoidal", 0.0),
                 between("at 4 times the length sinusoids need at most 0.1 bits more", "change at 4", "sinusoidal",
                         -std::numeric_limits<double>::infinity(), 0.1),
                 between("at 4 times the length ALiBi needs at most 0.02 bits more", "change at 4", "alibi",
                         -std::numeric_limits<double>::infinity(), 0.02),
                 between("at 4 times the length learned positions need at least 0.1 bits more", "change at 4", "learned", 0.1,
                         std::numeric_limits<double>::infinity())},
      .columns = {{"parameters", "parameters", 0},
                  {"permutation change", "change by reordering", 4},
                  {"left", "left neighbour", 3},
                  {"bits at 1", "bits per byte at 64", 3},
                  {"bits at 2", "at 128", 3},
                  {"bits at 4", "at 256", 3}},
  };
}

}  // namespace qkv::lab
