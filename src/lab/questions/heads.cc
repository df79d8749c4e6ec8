// Why multi-head? 1 to 16 heads with constant total width: quality, properties of their maps, and the value of each head.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "lab/networks/attention_maps.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/synthetic.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64;
constexpr double kCheap = 0.01;  // bits per byte

NetworkOptions options_of(const std::string& arm) {
  NetworkOptions options{.hidden_size = 64, .layers = 2, .heads = std::stoi(arm.substr(arm.find('-') + 1)), .ffn_size = 256};
  options.qk_gain = std::sqrt(1.0f / 64) / 0.02f;  // Xavier's start
  options.position = Position::rope;
  return options;
}

// Means over layers, heads and 8 windows of text.
void look_at_maps(const Network& network, const PlainText& text, Outcome& outcome) {
  constexpr int64_t kWindows = 8;
  double rank = 0, entropy = 0, shared = 0;
  int64_t maps_seen = 0, pairs = 0;
  look_at_attention(network, text.test_batch(0, kWindows, kContext).input, [&](const AttentionRecord& record) {
    for (int64_t window = 0; window < kWindows; ++window) {
      const std::vector<Tensor> maps = maps_of(record, window);
      for (size_t i = 0; i < maps.size(); ++i) {
        rank += effective_rank(maps[i]);
        entropy += row_entropy(maps[i]);
        ++maps_seen;
        for (size_t j = 0; j < i; ++j, ++pairs) shared += overlap(maps[i], maps[j]);
      }
    }
  });
  outcome.values["rank"] = rank / static_cast<double>(maps_seen);
  outcome.values["entropy"] = entropy / static_cast<double>(maps_seen);
  if (pairs > 0) outcome.values["overlap"] = shared / static_cast<double>(pairs);
}

// Removes a head by zeroing the columns of a layer's W_O that read it (Michel et al. 2019, section 2.3).
class PrunedHead {
 public:
  PrunedHead(const ParameterStore& store, int layer, int64_t first_column, int64_t columns)
      : weight_(store.find(fmt::format("layers.{}.self_attention.out_proj.weight", layer))->value), before_(weight_.to(weight_.dtype())) {
    for (int64_t row = 0; row < weight_.rows(); ++row) {
      std::fill_n(weight_.host<float>() + row * weight_.cols() + first_column, columns, 0.0f);
    }
    weight_.touch();
  }
  ~PrunedHead() { weight_.copy_from(before_); }

 private:
  const Tensor weight_, before_;
};

void prune_each(const Job& job, const Network& network, const ParameterStore& store, const PlainText& text, Outcome& outcome) {
  const auto bits = [&] {
    const Judgement judgement = judge(job.cancellation, network, 8, [&](int64_t i) { return text.test_batch(16 * i, 16, kContext); });
    return judgement.loss / std::log(2.0) / text.bytes_per_token();
  };
  const double whole = bits();
  const int size = network.options().head_size();
  std::vector<double> costs;
  for (int layer = 0; layer < network.options().layers; ++layer) {
    for (int head = 0; head < network.options().heads; ++head) {
      const PrunedHead pruned(store, layer, head * size, size);
      costs.push_back(bits() - whole);
    }
  }
  std::sort(costs.rbegin(), costs.rend());
  double sum = 0;
  for (size_t i = 0; i < costs.size(); ++i) {
    outcome.series["pruning"].emplace_back(static_cast<double>(i + 1), costs[i]);
    sum += costs[i];
  }
  const auto heads = static_cast<double>(costs.size());
  outcome.values["pruning cost"] = sum / heads;
  outcome.values["largest pruning cost"] = costs.front();
  outcome.values["cheap heads"] =
      static_cast<double>(std::count_if(costs.begin(), costs.end(), [](double c) { return c < kCheap; })) / heads;
}

void learn_text(const Job& job, NetworkOptions options, Outcome& outcome) {
  const PlainText& text = PlainText::of(job);
  options.vocab_size = text.vocab_size();
  options.max_positions = kContext;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  outcome.values["parameters"] = static_cast<double>(store.count());
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(1200), .learning_rate = 2e-3, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const Batch batch = text.training_batch(16, kContext, training_stream(job.seed, step));
              return network.loss(batch.input, batch.targets, context).loss;
            });
  outcome.series["text loss"] = trained.losses;
  outcome.values["bits per byte"] = text.bits_per_byte(network, 400, kContext);
  look_at_maps(network, text, outcome);
  prune_each(job, network, store, text, outcome);
}

// Accuracy after learning the batches that `make` makes from a stream.
double learn(const Job& job, const NetworkOptions& options, const std::function<Batch(RandomStream)>& make, Series& losses) {
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  losses = train(store, {.steps = job.scaled(1500), .learning_rate = 4e-3, .seed = job.seed, .cancellation = job.cancellation},
                 [&](int64_t step, ForwardContext& context) {
                   const Batch batch = make(training_stream(job.seed, step));
                   return network.loss(batch.input, batch.targets, context).loss;
                 })
               .losses;
  return judge(job.cancellation, network, 16, [&](int64_t i) { return make(test_stream(job.seed, i)); }).accuracy;
}

void learn_recall(const Job& job, NetworkOptions options, Outcome& outcome) {
  const TaskOptions task{.task = Task::recall, .symbols = 16, .min_length = 2, .length = 8};
  options.vocab_size = vocabulary(task);
  options.max_positions = longest(task);
  outcome.values["recall"] = learn(
      job, options, [&](RandomStream random) { return make_batch(task, 32, random); }, outcome.series["recall loss"]);
}

// Left neighbour minus right neighbour, modulo the number of symbols: two places at once, and their order. One layer, so that it cannot
// look at one after the other.
void learn_difference(const Job& job, NetworkOptions options, Outcome& outcome) {
  const TaskOptions task{.task = Task::left, .symbols = 8, .min_length = 8, .length = 16, .continued = false};
  options.vocab_size = vocabulary(task);
  options.layers = 1;
  options.causal = false;
  const auto make = [&](RandomStream random) {
    Batch batch = make_batch(task, 32, random);
    const std::vector<int32_t>& ids = batch.input.ids;
    for (int64_t s = 0; s < batch.input.segments.count(); ++s) {
      const int64_t last = batch.input.segments.begin(s) + batch.input.segments.length(s) - 1;
      for (int64_t row = batch.input.segments.begin(s) + 1; row < last; ++row) {
        batch.targets[row] = (ids[row - 1] - ids[row + 1] + task.symbols) % task.symbols;
      }
      batch.targets[last] = -1;
    }
    return batch;
  };
  outcome.values["difference"] = learn(job, options, make, outcome.series["difference loss"]);
}

Outcome run(const Job& job) {
  Outcome outcome;
  learn_text(job, options_of(job.arm), outcome);
  learn_recall(job, options_of(job.arm), outcome);
  learn_difference(job, options_of(job.arm), outcome);
  return outcome;
}

const std::vector<std::string> kArms{"heads-1", "heads-2", "heads-4", "heads-8", "heads-16"};

}  // namespace

Experiment heads() {
  return {
      .name = "heads",
      .question = "Why multi-head?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {less_by("4 heads need at least 0.02 bits per byte less than one", "bits per byte", "heads-4", "heads-1", 0.02),
                 more_by("in one layer, 4 heads tell two neighbours apart at least 20 points more often than one", "difference", "heads-4",
                         "heads-1", 0.2),
                 more_by("4 heads recall at least 5 points more than one", "recall", "heads-4", "heads-1", 0.05),
                 more_by("16 heads need more bits per byte than 4", "bits per byte", "heads-16", "heads-4", 0.0),
                 between("two of 8 heads overlap by less than half", "overlap", "heads-8", 0, 0.5),
                 between("more than half of 16 heads are cheap", "cheap heads", "heads-16", 0.5, 1)},
      .columns = {{"parameters", "parameters", 0},
                  {"bits per byte", "bits per byte", 3},
                  {"difference", "difference", 2},
                  {"recall", "recall", 2},
                  {"rank", "rank", 1},
                  {"entropy", "entropy (nats)", 2},
                  {"overlap", "overlap", 2},
                  {"pruning cost", "cost of one head", 3},
                  {"largest pruning cost", "of the dearest", 3},
                  {"cheap heads", "cheap heads", 2}},
  };
}

}  // namespace qkv::lab
