// From how far back can a token be named? A value, other symbols, and a mark: Transformer, recurrent networks and convolutions of equal
// size learn to name the value. distance_rates tries the learning rates.
#include <algorithm>

#include "lab/networks/rivals.h"
#include "lab/questions/questions.h"
#include "lab/tasks/probes.h"

namespace qkv::lab {
namespace {

constexpr int kNearest = 2, kFarthest = 512;
constexpr int64_t kSteps = 150;

struct Arm {
  const char* name;
  NetworkOptions options;  // equal parameters within 1 %
  Rates rates;
};

const std::vector<Arm>& all_arms() {
  static const std::vector<Arm> all = [] {
    std::vector<Arm> arms{{"transformer", rotary_transformer(2, 64, 256), {0.01, 0.005, 0.02}},
                          {"lstm", classical_recurrence(Mixer::lstm, 2, 78), {0.04, 0.01, 0.04}},
                          {"gru", classical_recurrence(Mixer::gru, 2, 90), {0.02, 0.005, 0.02}},
                          {"tanh", classical_recurrence(Mixer::tanh_rnn, 2, 154), {0.0025, 0.0025, 0.01}},
                          {"hybrid", convolutions_with_attention(5, 70, 2), {0.01, 0.005, 0.02}},
                          {"dilated", dilated_convolutions(9, 52), {0.02, 0.005, 0.02}},
                          {"plain", dilated_convolutions(4, 64), {0.01, 0.005, 0.02}}};
    NetworkOptions& plain = arms.back().options;
    plain.width = 3;
    plain.dilated = false;
    for (Arm& arm : arms) {
      if (arm.options.residual) continue;  // classical recurrence reads large embeddings and has an output matrix of its own
      arm.options.embedding_deviation = 1;
      arm.options.outputs = 1;
    }
    return arms;
  }();
  return all;
}

const Arm& find_arm(const std::string& name) {
  return *std::find_if(all_arms().begin(), all_arms().end(), [&](const Arm& arm) { return arm.name == name; });
}

double mean_of_last(const Series& series, size_t count) {
  double sum = 0;
  for (size_t i = series.size() - count; i < series.size(); ++i) sum += series[i].second;
  return sum / static_cast<double>(count);
}

void learn(const Job& job, const NetworkOptions& options, double rate, Outcome& outcome) {
  const TaskOptions task{.task = Task::distant, .symbols = 16, .min_length = kNearest, .length = kFarthest};
  const Probe probe{.steps = kSteps, .sequences = 16, .learning_rate = rate};
  learn_task(job, options, task, "recall", probe, outcome, [&](const Network& network) {
    for (int distance = kNearest; distance <= kFarthest; distance *= 2) {
      TaskOptions at = task;
      at.min_length = at.length = distance;
      const double accuracy = judge(job.cancellation, network, job.judged(8), [&](int64_t i) {
                                return make_batch(at, 16, test_stream(job.seed, 1000 + i));
                              }).accuracy;
      outcome.series["recall"].emplace_back(distance, accuracy);
      if (distance == 8) outcome.values["recall at 8"] = accuracy;
      if (distance == 64) outcome.values["recall at 64"] = accuracy;
      if (distance == kFarthest) outcome.values["recall at 512"] = accuracy;
    }
  });
  outcome.values["rate"] = rate;
  const Series& losses = outcome.series["recall loss"];
  outcome.values["recall loss"] = losses.size() < 5 ? INFINITY : mean_of_last(losses, 5);
}

Outcome run(const Job& job) {
  const Arm& arm = find_arm(job.arm);
  Outcome outcome;
  learn(job, arm.options, arm.rates.best, outcome);
  NetworkOptions sized = arm.options;
  sized.vocab_size = 17;
  if (sized.outputs > 0) sized.outputs = sized.vocab_size;
  outcome.values["parameters"] = static_cast<double>(count_parameters(sized));
  if (sized.mixer == Mixer::convolution && sized.mixers.empty())
    outcome.values["receptive field"] = sized.dilated ? 1 << sized.layers : 1 + sized.layers * (sized.width - 1);
  return outcome;
}

// With seeds, and so texts, of its own.
Outcome try_rate(const Job& job) {
  const RateArm arm = parse_rate_arm(job.arm);
  Job own = job;
  own.seed += 1000;
  Outcome outcome;
  learn(own, find_arm(arm.arm).options, arm.rate, outcome);
  return outcome;
}

std::vector<std::string> arms() {
  std::vector<std::string> names;
  for (const Arm& arm : all_arms()) names.emplace_back(arm.name);
  return names;
}

std::vector<std::string> rate_arms() {
  std::vector<std::string> names;
  for (const Arm& arm : all_arms()) {
    for (const std::string& name : arms_with_rates(arm.name, arm.rates)) names.push_back(name);
  }
  return names;
}

}  // namespace

Experiment distance() {
  return {
      .name = "distance",
      .question = "From how far back can a Transformer, an RNN or a CNN name a token?",
      .arms = arms(),
      .run = run,
      .claims = {more_by("a Transformer names a token 512 back at least 20 points more often than an LSTM", "recall at 512", "transformer",
                         "lstm", 0.2),
                 more_by("self-attention names a token 64 back at least 30 points more often than 4 convolutions", "recall at 64",
                         "transformer", "plain", 0.3),
                 more_by("with one layer of attention over them convolutions do so, too", "recall at 64", "hybrid", "plain", 0.3),
                 more_by("dilated convolutions that see so far do so, too", "recall at 64", "dilated", "plain", 0.3)},
      .columns = {{"parameters", "parameters", 0},
                  {"rate", "learning rate", 4},
                  {"receptive field", "sees tokens", 0},
                  {"recall at 8", "recall at 8", 2},
                  {"recall at 64", "recall at 64", 2},
                  {"recall at 512", "recall at 512", 2}},
  };
}

Experiment distance_rates() {
  return {
      .name = "distance_rates",
      .question = "Learning rates for the networks of distance",
      .seeds = 1,
      .arms = rate_arms(),
      .source = "distance.cc",
      .run = try_rate,
      .columns = {{"recall loss", "loss", 3}, {"recall accuracy", "recall accuracy", 3}, {"recall at 8", "recall at 8", 2}},
  };
}

}  // namespace qkv::lab
