// Who makes use of a long context? Transformers, LSTMs and convolutions of equal size read a text in windows of 1,024 tokens; the loss is
// measured by the number of tokens that were seen (Kaplan et al. 2020, section 3.2.1). context_rates tries the learning rates.
#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>

#include "autograd/backward.h"
#include "base/cancellation.h"
#include "base/error.h"
#include "lab/networks/rivals.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 1024, kVocabulary = 512;
constexpr int64_t kSequences = 3, kSteps = 250, kTrialSteps = 150;

// Hidden sizes with which all networks have the parameters of the name within 1 %.
struct Size {
  const char* name;
  int layers, hidden, ffn;  // of the Transformer
  int lstm;                 // two layers
  int convolution;          // ten layers, which see 1,024 tokens
};
constexpr Size kSizes[] = {{"94k", 2, 56, 174, 62, 42}};

const std::vector<std::string> kKinds{"transformer", "lstm", "convolution"};

// For each of kKinds and kSizes.
constexpr Rates kRates[][1] = {{{0.005, 0.0025, 0.02}}, {{0.08, 0.01, 0.16}}, {{0.04, 0.005, 0.04}}};

struct Arm {
  size_t kind = 0, size = 0;
};
Arm parse_arm(const std::string& name) {
  for (size_t kind = 0; kind < kKinds.size(); ++kind) {
    for (size_t size = 0; size < std::size(kSizes); ++size) {
      if (name == kKinds[kind] + "-" + kSizes[size].name) return {kind, size};
    }
  }
  fail(ErrorCode::internal, "[context] there is no arm {}", name);
}

// Recurrent layers and convolutions compute in f32. For attention over 1,024 tokens bf16 saves half of the time.
DType type_of(const NetworkOptions& options) { return options.mixer == Mixer::attention ? DType::bf16 : DType::f32; }

NetworkOptions options_of(const Arm& arm, int vocabulary) {
  const Size& size = kSizes[arm.size];
  NetworkOptions options;
  switch (arm.kind) {
    case 0: options = rotary_transformer(size.layers, size.hidden, size.ffn); break;
    case 1:
      options = classical_recurrence(Mixer::lstm, 2, size.lstm);
      options.embedding_deviation = 1 / std::sqrt(static_cast<float>(size.lstm));
      break;
    default: options = dilated_convolutions(10, size.convolution);
  }
  options.vocab_size = vocabulary;
  options.max_positions = kContext;
  return options;
}

// Means over places 1, 2, 3 to 4, 5 to 8, …, each at its last place.
class MeansByPlace {
 public:
  void add(int64_t place, double value) {
    const auto bin = static_cast<size_t>(std::bit_width(static_cast<uint64_t>(place - 1)));
    if (bin >= sums_.size()) sums_.resize(bin + 1);
    sums_[bin].first += value;
    sums_[bin].second += 1;
  }
  double at(int64_t last) const {
    const auto& [sum, count] = sums_.at(static_cast<size_t>(std::bit_width(static_cast<uint64_t>(last - 1))));
    return sum / count;
  }
  Series series() const {
    Series all;
    for (size_t bin = 0; bin < sums_.size(); ++bin) all.emplace_back(std::exp2(bin), sums_[bin].first / sums_[bin].second);
    return all;
  }

 private:
  std::vector<std::pair<double, double>> sums_;
};

// -log p of each row's target.
std::vector<double> row_losses(const Tensor& logits, std::span<const int32_t> targets) {
  std::vector<double> losses;
  for (size_t row = 0; row < targets.size(); ++row) {
    const float* scores = logits.host<float>() + static_cast<int64_t>(row) * logits.cols();
    const float best = *std::max_element(scores, scores + logits.cols());
    float sum = 0;
    for (int64_t c = 0; c < logits.cols(); ++c) sum += std::exp(scores[c] - best);
    losses.push_back(std::log(sum) + best - scores[targets[row]]);
  }
  return losses;
}

struct Parts {
  std::span<const int32_t> training, test;
};

// A window of the part that a network is judged by: they begin `stride` tokens apart.
struct Windows {
  std::span<const int32_t> tokens;
  int64_t stride = 512;
  int64_t count() const { return (std::ssize(tokens) - kContext - 1) / stride + 1; }
  TokenBatch input(int64_t i) const {
    const auto from = tokens.begin() + i * stride;
    return {{from, from + kContext}, Segments::of_lengths(std::vector<int32_t>{kContext})};
  }
  std::span<const int32_t> targets(int64_t i) const { return tokens.subspan(static_cast<size_t>(i * stride + 1), kContext); }
};

void measure_losses(const Job& job, const Network& network, const Windows& windows, Outcome& outcome) {
  QKV_REQUIRE(std::ssize(windows.tokens) > kContext, "the text has {} tokens to be judged by; windows of {} need more",
              windows.tokens.size(), kContext);
  const RecordScope no_gradient(nullptr);
  MeansByPlace means;
  double sum = 0;
  const int64_t count = job.judged(windows.count());
  for (int64_t i = 0; i < count; ++i) {
    throw_if_cancelled(job.cancellation);
    ForwardContext context{.dtype = type_of(network.options())};
    const std::vector<double> losses = row_losses(network.logits(network.forward(windows.input(i), context)), windows.targets(i));
    for (size_t row = 0; row < losses.size(); ++row) {
      means.add(static_cast<int64_t>(row) + 1, losses[row]);
      sum += losses[row];
    }
  }
  outcome.series["loss by position"] = means.series();
  outcome.values["loss"] = sum / static_cast<double>(count * kContext);
  outcome.values["late loss"] = means.at(kContext);
  outcome.values["gain after 128"] = means.at(128) - means.at(kContext);
}

// How much the loss of a window's last token depends on earlier tokens, relative to the last one: the norm of the gradient of the first
// layer's input, by distance.
void measure_gradients(const Job& job, const Network& network, const Windows& windows, Outcome& outcome) {
  MeansByPlace means;
  double nearest = 0;
  const int64_t count = job.judged(12);
  for (int64_t i = 0; i < count; ++i) {
    throw_if_cancelled(job.cancellation);
    const TokenBatch batch = windows.input(i * (windows.count() / count));
    ForwardContext context;
    const Tensor rows = network.embed(batch, context);
    rows.set_requires_grad(true);
    Tape tape;
    CrossEntropyResult loss;
    {
      const RecordScope recording(&tape);
      const Tensor last = select_rows(network.forward_rows(rows, batch.segments, context), std::vector<int32_t>{kContext - 1});
      loss = network.loss_of_rows(last, windows.targets(i * (windows.count() / count)).last(1));
    }
    backward(tape, loss.loss);
    const Tensor gradient = rows.grad();
    for (int distance = 0; distance < kContext; ++distance) {
      const float* row = gradient.host<float>() + (kContext - 1 - distance) * gradient.cols();
      double squares = 0;
      for (int64_t c = 0; c < gradient.cols(); ++c) squares += row[c] * row[c];
      if (distance == 0) {
        nearest += std::sqrt(squares) / static_cast<double>(count);
      } else {
        means.add(distance, std::sqrt(squares));
      }
    }
  }
  for (const auto& [distance, norm] : means.series()) outcome.series["gradient"].emplace_back(distance, norm / nearest);
  outcome.values["gradient at 512"] = means.at(512) / nearest;
}

// The loss of a table of pairs of neighbours, which sees one token: counts plus a share of the single tokens' counts.
double pairs_loss(const Parts& parts, int vocabulary) {
  std::vector<double> pairs(static_cast<size_t>(vocabulary) * vocabulary), singles(static_cast<size_t>(vocabulary), 1.0);
  double tokens = vocabulary;
  for (size_t i = 0; i + 1 < parts.training.size(); ++i) {
    pairs[static_cast<size_t>(parts.training[i]) * vocabulary + parts.training[i + 1]] += 1;
    singles[parts.training[i + 1]] += 1;
    tokens += 1;
  }
  constexpr double kPrior = 20;  // pairs that the single tokens count for
  double sum = 0;
  for (size_t i = 0; i + 1 < parts.test.size(); ++i) {
    const int32_t from = parts.test[i], to = parts.test[i + 1];
    sum -= std::log((pairs[static_cast<size_t>(from) * vocabulary + to] + kPrior * singles[to] / tokens) / (singles[from] + kPrior));
  }
  return sum / static_cast<double>(parts.test.size() - 1);
}

const PlainText& text_of(const Job& job) {
  return PlainText::of(
      job, {.pipeline = TokenizerPipeline::byte_pairs, .vocab_size = kVocabulary, .vocab_size_is_upper_bound = true, .special_tokens = {}});
}

void learn(const Job& job, const Arm& arm, double rate, int64_t steps, uint64_t seed, const Parts& parts, Outcome& outcome,
           const std::function<void(const Network&)>& look = {}) {
  ParameterStore store(seed, true);
  const Network network(options_of(arm, text_of(job).vocab_size()), store);
  const TrainingOutcome trained = train(store,
                                        {.steps = job.scaled(steps),
                                         .learning_rate = rate,
                                         .seed = seed,
                                         .dtype = type_of(network.options()),
                                         .cancellation = job.cancellation},
                                        [&](int64_t step, ForwardContext& context) {
                                          const Batch batch =
                                              random_windows(parts.training, kSequences, kContext, training_stream(seed, step));
                                          return network.loss(batch.input, batch.targets, context).loss;
                                        });
  outcome.series["training loss"] = trained.losses;
  outcome.values["parameters"] = static_cast<double>(store.count());
  outcome.values["rate"] = rate;
  measure_losses(job, network, {.tokens = parts.test}, outcome);
  if (trained.diverged) outcome.values["loss"] = INFINITY;
  if (look) look(network);
}

Outcome run(const Job& job) {
  const PlainText& text = text_of(job);
  const Parts parts{text.training(), text.test()};
  const Arm arm = parse_arm(job.arm);
  Outcome outcome;
  learn(job, arm, kRates[arm.kind][arm.size].best, kSteps, job.seed, parts, outcome,
        [&](const Network& network) { measure_gradients(job, network, {.tokens = parts.test}, outcome); });
  outcome.values["loss of pairs"] = pairs_loss(parts, text.vocab_size());
  outcome.values["bytes per token"] = text.bytes_per_token();
  return outcome;
}

// Half the updates; learns from the first eight ninths of the training part and is judged by its last ninth, with seeds of its own.
Outcome try_rate(const Job& job) {
  const std::span<const int32_t> text = text_of(job).training();
  const size_t border = text.size() * 8 / 9;
  const RateArm arm = parse_rate_arm(job.arm);
  Outcome outcome;
  learn(job, parse_arm(arm.arm), arm.rate, kTrialSteps, 1000 + job.seed, {text.first(border), text.subspan(border)}, outcome);
  return outcome;
}

std::vector<std::string> arms() {
  std::vector<std::string> all;
  for (const Size& size : kSizes) {
    for (const std::string& kind : kKinds) all.push_back(kind + "-" + size.name);
  }
  return all;
}

std::vector<std::string> rate_arms() {
  std::vector<std::string> all;
  for (const std::string& name : arms()) {
    const Arm arm = parse_arm(name);
    for (const std::string& each : arms_with_rates(name, kRates[arm.kind][arm.size])) all.push_back(each);
  }
  return all;
}

std::vector<Claim> claims() {
  std::vector<Claim> all;
  for (const Size& size : kSizes) {
    const auto arm = [&](const char* kind) { return fmt::format("{}-{}", kind, size.name); };
    const auto text = [&](const char* words) { return fmt::format("{} parameters: {}", size.name, words); };
    all.push_back(more_by(text("a Transformer gains more from tokens more than 128 back than an LSTM"), "gain after 128",
                          arm("transformer"), arm("lstm"), 0));
    all.push_back(less_by(text("after 512 tokens a Transformer loses less than an LSTM"), "late loss", arm("transformer"), arm("lstm"), 0));
    all.push_back(less_by(text("after 512 tokens a Transformer loses less than dilated convolutions"), "late loss", arm("transformer"),
                          arm("convolution"), 0));
  }
  return all;
}

}  // namespace

Experiment context() {
  return {
      .name = "context",
      .question = "Transformer, LSTM or CNN: who makes use of a long context?",
      .seeds = 3,
      .arms = arms(),
      .data = {"text"},
      .run = run,
      .claims = claims(),
      .columns = {{"parameters", "parameters", 0},
                  {"rate", "learning rate", 4},
                  {"loss", "nats per token", 3},
                  {"late loss", "from 513 on", 3},
                  {"gain after 128", "gain after 128", 3},
                  {"gradient at 512", "gradient at 512", 5}},
  };
}

Experiment context_rates() {
  return {
      .name = "context_rates",
      .question = "Learning rates for the networks of context",
      .seeds = 1,
      .arms = rate_arms(),
      .source = "context.cc",
      .data = {"text"},
      .run = try_rate,
      .columns = {{"loss", "nats per token", 3}},
  };
}

}  // namespace qkv::lab
