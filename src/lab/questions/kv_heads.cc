// MQA and GQA: fewer heads of keys and values than of queries. Cache and decoding speed; quality, and conversion of a trained network.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <mutex>

#include "base/cancellation.h"
#include "base/timing.h"
#include "decode/step.h"
#include "lab/networks/key_value_pooling.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/texts.h"
#include "nn/transformer.h"
#include "nn/uniform_config.h"

namespace qkv::lab {
namespace {

constexpr int kHeads = 8, kContext = 64;
constexpr double kRate = 2e-3;
constexpr int64_t kSteps = 1600, kJudged = 400, kChosenBy = 128;  // windows: the first ones judge, later ones choose the rate
constexpr double kShares[] = {2.5, 5, 10, 20};  // % of the steps after a conversion; 5 in Ainslie et al. 2023, section 2.1

int key_value_heads(const std::string& arm) { return std::stoi(arm.substr(arm.find('-') + 1)); }

// Number of feed-forward units that replace the removed columns of keys and values.
int widening(int hidden_size, int heads) {
  const int columns = hidden_size - hidden_size / kHeads * heads;
  return 2 * columns * (hidden_size + 1) / (2 * hidden_size + 1);
}

NetworkOptions options_of(int heads, const PlainText& text) {
  NetworkOptions options{.vocab_size = text.vocab_size(), .hidden_size = 64, .layers = 2, .heads = kHeads, .key_value_heads = heads};
  options.ffn_size = 256;
  options.max_positions = kContext;
  options.qk_gain = std::sqrt(1.0f / 64) / 0.02f;  // Xavier's start
  return options;
}

void learn(const Job& job, const PlainText& text, const Network& network, ParameterStore& store, double rate, int64_t first,
           int64_t steps) {
  train(store, {.steps = steps, .learning_rate = rate, .seed = job.seed, .cancellation = job.cancellation},
        [&](int64_t step, ForwardContext& context) {
          const Batch batch = text.training_batch(16, kContext, training_stream(job.seed, first + step));
          return network.loss(batch.input, batch.targets, context).loss;
        });
}

// The trained network with as many key/value heads as heads, from which up-training starts; the first caller of a seed trains it.
const ParameterStore& multi_head(const Job& job, const PlainText& text) {
  struct Trained {
    std::mutex mutex;
    std::unique_ptr<ParameterStore> store;
  };
  static std::mutex mutex;
  static std::map<std::string, Trained> all;
  Trained& trained = [&]() -> Trained& {
    const std::lock_guard lock(mutex);
    return all[fmt::format("{}|{}|{}", job.scratch.string(), job.seed, job.effort)];
  }();
  const std::lock_guard lock(trained.mutex);
  if (!trained.store) {
    auto fresh = std::make_unique<ParameterStore>(job.seed, true);
    learn(job, text, Network(options_of(kHeads, text), *fresh), *fresh, kRate, 0, job.scaled(kSteps));
    trained.store = std::move(fresh);
  }
  return *trained.store;
}

// Bits per byte of the network with `heads` key/value heads that starts as the trained one, its heads pooled, and learns for `share` % of
// the steps more: at the rate that does better on windows that do not judge.
double trained_on(const Job& job, const PlainText& text, int heads, double share) {
  double least = std::numeric_limits<double>::infinity(), bits = least;
  for (const double rate : {kRate, kRate / 4}) {
    const NetworkOptions options = options_of(heads, text);
    ParameterStore store(job.seed, true);
    const Network network(options, store);
    pool_key_value_heads(multi_head(job, text), store, options.head_size());
    learn(job, text, network, store, rate, job.scaled(kSteps), job.scaled(std::llround(kSteps * share / 100)));
    const double loss =
        judge(job.cancellation, network, job.judged(kChosenBy), [&](int64_t i) { return text.test_batch(kJudged + i, 1, kContext); }).loss;
    if (!(loss < least)) continue;
    least = loss;
    bits = text.bits_per_byte(network, job.judged(kJudged), kContext);
  }
  return bits;
}

void train_on(const Job& job, const PlainText& text, int heads, double bits_at_once, Outcome& outcome) {
  Series& bits = outcome.series["bits by more steps"];
  bits.emplace_back(0, bits_at_once);
  for (const double share : kShares) bits.emplace_back(share, trained_on(job, text, heads, share));
  outcome.values["after 5 %"] = bits[2].second;
  outcome.values["after 20 %"] = bits[4].second;
}

Outcome run_quality(const Job& job) {
  Outcome outcome;
  const PlainText& text = PlainText::of(job);
  const int heads = key_value_heads(job.arm);
  const bool pooled = job.arm.starts_with("pooled"), whole = heads == kHeads;
  NetworkOptions options = options_of(heads, text);
  if (job.arm.starts_with("kv")) options.ffn_size += widening(options.hidden_size, heads);
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  outcome.values["parameters"] = static_cast<double>(store.count());
  if (pooled || whole) {
    pool_key_value_heads(multi_head(job, text), store, options.head_size());
  } else {
    learn(job, text, network, store, kRate, 0, job.scaled(kSteps));
  }
  const double bits = text.bits_per_byte(network, job.judged(kJudged), kContext);
  outcome.values[pooled ? "just pooled" : "bits per byte"] = bits;
  if (pooled || whole) train_on(job, text, heads, bits, outcome);
  return outcome;
}

UniformConfig decoder_config(int heads) {
  UniformConfig config{.kind = Kind::decoder_only, .vocab_size = 512, .encoder_layers = 0, .decoder_layers = 2};
  config.num_key_value_heads = heads;
  config.decoder_ffn_dim = 2048 + widening(config.hidden_size, heads);
  config.norm_position = NormPlace::pre;
  config.position = Position::none;
  config.max_position_embeddings = 4096;
  config.initializer_range = 0.02f;
  return config;
}

int64_t bytes_of(const Tensor& rows) { return rows.cols() * size_of(rows.dtype()); }

// Decoding speed does not depend on training: random weights and tokens, 8 sequences at once.
Outcome run(const Job& job) {
  Outcome outcome;
  constexpr int64_t kSequences = 8, kStep = 256, kLongest = 2048, kRepeats = 15;
  constexpr double kMemory = 8.0 * (1 << 30);
  const RecordScope no_gradient(nullptr);
  ParameterStore store(job.seed, true);
  const Transformer network(decoder_config(key_value_heads(job.arm)), store);
  ForwardContext context;
  Step step(network, context);
  RandomStream random(job.seed, 0);
  const auto token = [&] { return static_cast<int32_t>(random.below(512)); };
  std::vector<Sequence> sequences;
  const auto feed = [&](int64_t tokens) {
    throw_if_cancelled(job.cancellation);
    for (int64_t i = 0; i < kSequences; ++i) {
      if (std::ssize(sequences) == i) sequences.push_back(step.join({token()}));
      while (static_cast<int64_t>(sequences[i].unread_tokens()) < tokens) sequences[i].append(token());
    }
    const Stopwatch watch;
    step.run(pointers_to(sequences));
    return watch.seconds();
  };
  const auto read = [&] { return sequences.empty() ? 0 : static_cast<int64_t>(sequences.front().read_tokens()); };
  for (int64_t length = kStep; length <= kLongest; length *= 2) {
    for (int64_t missing; (missing = length - kRepeats - read()) > 0;) feed(std::min(kStep, missing));
    std::vector<double> seconds;
    for (int64_t i = 0; i < kRepeats; ++i) seconds.push_back(feed(1));
    std::nth_element(seconds.begin(), seconds.begin() + kRepeats / 2, seconds.end());
    outcome.series["tokens_per_second"].emplace_back(length, static_cast<double>(kSequences) / seconds[kRepeats / 2]);
  }
  outcome.values["tokens_per_second"] = outcome.series["tokens_per_second"].back().second;
  int64_t bytes = 0;  // per token
  for (const KeyValueRows& layer : step.cache().layers()) bytes += bytes_of(layer.k) + bytes_of(layer.v);
  outcome.values["cache bytes"] = static_cast<double>(bytes);
  outcome.values["largest batch"] = std::floor(kMemory / static_cast<double>(bytes * kLongest));
  return outcome;
}

}  // namespace

Experiment kv_heads() {
  return {
      .name = "kv_heads",
      .question = "What do MQA and GQA save?",
      .timed = true,
      .memory_mib = 800,
      .arms = {"kv-8", "kv-4", "kv-2", "kv-1"},
      .run = run,
      .claims = {times_at_most("one head of keys and values keeps less than 0.15 times the bytes", "cache bytes", "kv-1", "kv-8", 0.15),
                 times_at_least("one head decodes at least 1.5 times as fast at 2,048 tokens", "tokens_per_second", "kv-1", "kv-8", 1.5)},
      .columns = {{"cache bytes", "cache bytes a token", 0}, {"largest batch", "largest batch", 0}, {"tokens_per_second", "tokens/s", 0}},
  };
}

Experiment kv_quality() {
  return {
      .name = "kv_quality",
      .question = "What do MQA and GQA cost?",
      .seeds = 10,
      .arms = {"kv-8", "kv-2", "kv-1", "shape-2", "shape-1", "pooled-2", "pooled-1"},
      .source = "kv_heads.cc",
      .data = {"text"},
      .run = run_quality,
      .claims = {more_by("at equal parameters one head costs quality", "bits per byte", "kv-1", "kv-8", 0.0),
                 same_within("at equal parameters 2 heads are within 0.02 bits per byte of 8", "bits per byte", "kv-2", "kv-8", 0.02),
                 more_by("at equal shape one head costs quality", "bits per byte", "shape-1", "kv-8", 0.0),
                 same_within("at equal shape 2 heads are within 0.02 bits per byte of 8", "bits per byte", "shape-2", "kv-8", 0.02),
                 same_within("8 heads pooled to 2 are after 5 % more steps within 0.05 bits per byte of the 8 trained on as long",
                             "after 5 %", "pooled-2", "kv-8", 0.05),
                 same_within("after 20 % more steps within 0.02", "after 20 %", "pooled-2", "kv-8", 0.02)},
      .columns = {{"parameters", "parameters", 0},
                  {"bits per byte", "bits per byte", 3},
                  {"just pooled", "just pooled", 3},
                  {"after 5 %", "after 5 % more steps", 3},
                  {"after 20 %", "after 20 % more steps", 3}},
  };
}

}  // namespace qkv::lab
