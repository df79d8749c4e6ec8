// Why divide by √d_k? The spread of q·k, its effect on the softmax and its gradients, and training by d_k with other scales.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "lab/networks/attention_maps.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/record/statistics.h"
#include "lab/tasks/synthetic.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64, kHidden = 64;
constexpr int kSizes[] = {8, 64, 512};  // d_k of the one head
constexpr double kRates[] = {1e-3, 4e-3};
constexpr int64_t kJudged = 400, kChosenBy = 128;  // windows of the held-out text: the first ones judge, later ones choose the rate

double scale_of(const std::string& arm, double size) {
  if (arm == "root-d") return 1 / std::sqrt(size);
  if (arm == "one-over-d") return 1 / size;
  return 1;
}

// T5 does not divide, but starts W_Q smaller by √d_k.
double query_gain(const std::string& arm, double size) { return arm == "t5-start" ? 1 / std::sqrt(size) : 1; }

// Statistics for one random query and 64 random keys with independent components of variance 1, at an arm's start.
struct Scores {
  double variance = 0, entropy = 0;  // of what the softmax gets; of the softmax, in nats
  double gradient = 0;               // Frobenius norm of the softmax's Jacobian
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
    const double scale = scale_of(job.arm, size);
    Scores mean;
    double squares = 0;  // of the gradients
    for (int i = 0; i < samples; ++i) {
      const Scores one = random_scores(size, scale * query_gain(job.arm, size), random);
      mean.variance += one.variance / samples;
      mean.entropy += one.entropy / samples;
      mean.gradient += one.gradient / samples;
      squares += one.gradient * one.gradient / samples;
    }
    outcome.series["variance"].emplace_back(size, mean.variance);
    outcome.series["entropy"].emplace_back(size, mean.entropy);
    outcome.series["gradient"].emplace_back(size, mean.gradient);
    // With s = scale * q·k, d a / d (q·k) = scale * d a / d s.
    outcome.series["product gradient"].emplace_back(size, scale * mean.gradient);
    // Unlike the two above it is the same for gradients multiplied by any factor, as Adam's steps are: 1 if all queries get as much
    // gradient, 1 / samples if one gets all.
    outcome.series["evenness"].emplace_back(size, mean.gradient * mean.gradient / squares);
    log_size.push_back(std::log(size));
    log_variance.push_back(std::log(mean.variance));
  }
  outcome.values["variance exponent"] = fit_line(log_size, log_variance).slope;
  for (const char* name : {"entropy", "gradient", "product gradient", "evenness"}) {
    outcome.values[fmt::format("{} at 1024", name)] = outcome.series[name].back().second;
  }
}

NetworkOptions options_of(const std::string& arm, int size, int vocab_size) {
  NetworkOptions options{.vocab_size = vocab_size, .hidden_size = kHidden, .layers = 2, .heads = 1, .head_dim = size, .ffn_size = 128};
  options.scale = static_cast<float>(scale_of(arm, size));
  options.qk_gain = std::sqrt(1.0f / kHidden) / 0.02f;  // components of q and k of layer-normed rows start with a variance near 1
  options.query_gain = static_cast<float>(query_gain(arm, size));
  options.max_positions = kContext;
  return options;
}

// Mean entropy of the weights over both layers and 8 windows, in nats.
double entropy_of(const Network& network, const PlainText& text) {
  constexpr int64_t kWindows = 8;
  double sum = 0;
  look_at_attention(network, text.test_batch(0, kWindows, kContext).input, [&](const AttentionRecord& record) {
    for (int64_t window = 0; window < kWindows; ++window) sum += row_entropy(maps_of(record, window).front()) / kWindows;
  });
  return sum / network.options().layers;
}

// Trains at each rate and keeps the one that does best on windows that do not judge.
void learn(const Job& job, int size, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  double least = std::numeric_limits<double>::infinity();
  for (const double rate : kRates) {
    ParameterStore store(job.seed, true);
    const Network network(options_of(job.arm, size, text.vocab_size()), store);
    const double entropy_at_start = entropy_of(network, text);
    const TrainingOutcome trained =
        train(store, {.steps = job.scaled(400), .learning_rate = rate, .seed = job.seed, .cancellation = job.cancellation},
              [&](int64_t step, ForwardContext& context) {
                const Batch batch = text.training_batch(16, kContext, training_stream(job.seed, step));
                return network.loss(batch.input, batch.targets, context).loss;
              });
    const double guessing = std::log(text.vocab_size());
    const auto loss = [&] {
      return judge(job.cancellation, network, job.judged(kChosenBy), [&](int64_t i) { return text.test_batch(kJudged + i, 1, kContext); })
          .loss;
    };
    const double chosen_by = trained.diverged ? guessing : loss();
    if (!(chosen_by < least)) continue;
    least = chosen_by;
    outcome.values[fmt::format("bits at {}", size)] =
        trained.diverged ? std::log2(text.vocab_size()) : text.bits_per_byte(network, job.judged(kJudged), kContext);
    outcome.values[fmt::format("rate at {}", size)] = rate;
    outcome.values[fmt::format("starting entropy at {}", size)] = entropy_at_start;
    outcome.values[fmt::format("final entropy at {}", size)] = entropy_of(network, text);
    outcome.series[fmt::format("loss at {}", size)] = trained.losses;
  }
  outcome.series["bits"].emplace_back(size, outcome.values[fmt::format("bits at {}", size)]);
}

Outcome run(const Job& job) {
  Outcome outcome;
  measure_scores(job, outcome);
  for (const int size : kSizes) learn(job, size, outcome);
  return outcome;
}

const std::vector<std::string> kArms{"root-d", "one", "one-over-d", "t5-start"};

}  // namespace

Experiment score_scale() {
  return {
      .name = "score_scale",
      .question = "Why divide by √d_k?",
      .seeds = 10,
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {between("the variance of q·k grows like d_k", "variance exponent", "one", 0.9, 1.1),
                 more_by("division keeps the softmax at least 1 nat less certain at d_k = 1024", "entropy at 1024", "root-d", "one", 1),
                 times_at_least("division keeps the softmax's gradient at least twice as large at d_k = 1024", "gradient at 1024", "root-d",
                                "one", 2),
                 times_at_least("division spreads gradients over queries at least twice as evenly at d_k = 1024", "evenness at 1024",
                                "root-d", "one", 2),
                 same_within("at d_k = 8 training without the division ends within 0.05 bits per byte", "bits at 8", "one", "root-d", 0.05),
                 more_by("at d_k = 512 training without the division costs at least 0.1 bits per byte", "bits at 512", "one", "root-d",
                         0.1),
                 more_by("at d_k = 512 division by d_k costs at least 0.02 bits per byte", "bits at 512", "one-over-d", "root-d", 0.02),
                 same_within("at d_k = 512 a start that absorbs the factor ends within 0.05 bits per byte of the division", "bits at 512",
                             "t5-start", "root-d", 0.05)},
      .columns = {{"variance exponent", "variance ~ d_k^…", 2},
                  {"entropy at 1024", "entropy at 1024", 2},
                  {"gradient at 1024", "gradient at 1024", 3},
                  {"product gradient at 1024", "gradient of q·k at 1024", 4},
                  {"evenness at 1024", "evenness at 1024", 2},
                  {"bits at 8", "bits per byte, d_k = 8", 3},
                  {"bits at 64", "d_k = 64", 3},
                  {"bits at 512", "d_k = 512", 3},
                  {"rate at 8", "rate, d_k = 8", 4},
                  {"rate at 512", "rate, d_k = 512", 4},
                  {"starting entropy at 512", "entropy at the start, d_k = 512", 2},
                  {"final entropy at 512", "after training, d_k = 512", 2}},
  };
}

}  // namespace qkv::lab
