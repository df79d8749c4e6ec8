// Why divide by √d_k? The spread of q·k, its effect on the softmax and its gradient, and training with other scales.
#include <cmath>

#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/record/statistics.h"
#include "lab/tasks/synthetic.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64, kHidden = 128;  // one head: d_k = 128
// From nn's start with deviation 0.02 to Xavier's sqrt(2 / (in + out)), which gives q and k of layer-normed rows a variance near 1.
const float kXavierGain = std::sqrt(1.0f / kHidden) / 0.02f;

float scale_of(const std::string& arm, double size) {
  if (arm == "root-d" || arm == "root-d-small-start") return static_cast<float>(1 / std::sqrt(size));
  if (arm == "one-over-d") return static_cast<float>(1 / size);
  if (arm == "qk-norm") return static_cast<float>(1 / std::sqrt(size));
  return 1;
}

// Statistics for one random query and 64 random keys with independent components of variance 1.
struct Scores {
  double variance = 0, entropy = 0, gradient = 0;  // entropy of the softmax in nats; Frobenius norm of its Jacobian
};
Scores random_scores(int size, double scale, RandomStream& random) {
  constexpr int kKeys = 64;
  std::vector<double> query(size), scores(kKeys);
  for (double& q : query) q = random.normal();
  Scores result;
  for (double& score : scores) {
    for (const double q : query) score += q * random.normal();
    score *= scale;
    result.variance += score * score / kKeys;
  }
  const double largest = *std::max_element(scores.begin(), scores.end());
  double sum = 0, squares = 0;
  for (double& score : scores) sum += score = std::exp(score - largest);
  for (double& weight : scores) {
    weight /= sum;
    if (weight > 0) result.entropy -= weight * std::log(weight);
    squares += weight * weight;
  }
  double jacobian = 0;  // sum over i, j of (p_i (i == j) - p_i p_j)^2
  for (const double p : scores) jacobian += p * p * (1 - p) * (1 - p) + p * p * (squares - p * p);
  result.gradient = std::sqrt(jacobian);
  return result;
}

void measure_scores(const Job& job, Outcome& outcome) {
  const auto samples = static_cast<int>(job.judged(100));
  std::vector<double> log_size, log_variance;
  for (int size = 8; size <= 1024; size *= 2) {
    RandomStream random(job.seed, static_cast<uint32_t>(size));
    Scores sum;
    for (int i = 0; i < samples; ++i) {
      const Scores one = random_scores(size, scale_of(job.arm, size), random);
      sum.variance += one.variance / samples;
      sum.entropy += one.entropy / samples;
      sum.gradient += one.gradient / samples;
    }
    outcome.series["variance"].emplace_back(size, sum.variance);
    outcome.series["entropy"].emplace_back(size, sum.entropy);
    outcome.series["gradient"].emplace_back(size, sum.gradient);
    log_size.push_back(std::log(size));
    log_variance.push_back(std::log(sum.variance));
  }
  outcome.values["variance exponent"] = fit_line(log_size, log_variance).slope;
  outcome.values["entropy at 1024"] = outcome.series["entropy"].back().second;
  outcome.values["gradient at 1024"] = outcome.series["gradient"].back().second;
}

Outcome run(const Job& job) {
  Outcome outcome;
  measure_scores(job, outcome);
  const PlainText& text = PlainText::of(job);
  NetworkOptions options{.vocab_size = text.vocab_size(), .hidden_size = kHidden, .layers = 2, .heads = 1, .ffn_size = 256};
  options.scale = scale_of(job.arm, kHidden);
  options.qk_norm = job.arm == "qk-norm";
  if (!job.arm.ends_with("small-start")) options.qk_gain = kXavierGain;
  options.max_positions = kContext;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(1200), .learning_rate = 2e-3, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const Batch batch = text.training_batch(16, kContext, training_stream(job.seed, step));
              return network.loss(batch.input, batch.targets, context).loss;
            });
  outcome.series["loss"] = trained.losses;
  outcome.values["bits per byte"] =
      trained.diverged ? std::log2(text.vocab_size()) : text.bits_per_byte(network, job.judged(400), kContext);
  return outcome;
}

const std::vector<std::string> kArms{"root-d", "one", "one-over-d", "root-d-small-start", "one-small-start", "qk-norm"};

}  // namespace

Experiment scaling() {
  return {
      .name = "scaling",
      .question = "Why divide by √d_k?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {between("the variance of q·k grows like d_k", "variance exponent", "one", 0.9, 1.1),
                 more_by("division keeps the softmax at least 1 nat less certain at d_k = 1024", "entropy at 1024", "root-d", "one", 1),
                 times_at_least("division keeps the softmax's gradient at least twice as large at d_k = 1024", "gradient at 1024", "root-d",
                                "one", 2),
                 less_by("training with the division ends at least 0.02 bits per byte lower", "bits per byte", "root-d", "one", 0.02)},
      .columns = {{"variance exponent", "variance ~ d_k^…", 2},
                  {"entropy at 1024", "entropy at 1024", 2},
                  {"gradient at 1024", "gradient at 1024", 3},
                  {"bits per byte", "bits per byte", 3}},
  };
}

}  // namespace qkv::lab
