// Why multi-head? 1 to 16 heads with constant total width: quality, properties of their maps, and the value of each head. And a task that
// needs two looks at once: which heads look where, and which can go.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

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

// Removes heads of a layer by zeroing the columns of its W_O that read them (Michel et al. 2019, section 2.3).
class PrunedHeads {
 public:
  PrunedHeads(const ParameterStore& store, int layer, const std::vector<int>& heads, int64_t head_size)
      : weight_(store.find(fmt::format("layers.{}.self_attention.out_proj.weight", layer))->value), before_(weight_.to(weight_.dtype())) {
    for (int64_t row = 0; row < weight_.rows(); ++row) {
      for (const int head : heads) std::fill_n(weight_.host<float>() + row * weight_.cols() + head * head_size, head_size, 0.0f);
    }
    weight_.touch();
  }
  ~PrunedHeads() { weight_.copy_from(before_); }

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
      const PrunedHeads pruned(store, layer, {head}, size);
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

void learn_recall(const Job& job, NetworkOptions options, Outcome& outcome) {
  const TaskOptions task{.task = Task::recall, .symbols = 16, .min_length = 2, .length = 8};
  options.vocab_size = vocabulary(task);
  options.max_positions = longest(task);
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(1500), .learning_rate = 4e-3, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const Batch batch = make_batch(task, 32, training_stream(job.seed, step));
              return network.loss(batch.input, batch.targets, context).loss;
            });
  outcome.series["recall loss"] = trained.losses;
  outcome.values["recall"] =
      judge(job.cancellation, network, 16, [&](int64_t i) { return make_batch(task, 32, test_stream(job.seed, i)); }).accuracy;
}

Outcome run(const Job& job) {
  Outcome outcome;
  learn_text(job, options_of(job.arm), outcome);
  learn_recall(job, options_of(job.arm), outcome);
  return outcome;
}

const std::vector<std::string> kArms{"heads-1", "heads-2", "heads-4", "heads-8", "heads-16"};

// Left neighbour minus right neighbour, modulo the number of symbols: two places at once, and their order.
constexpr TaskOptions kTask{.task = Task::left, .symbols = 8, .min_length = 8, .length = 16, .continued = false};
Batch difference_batch(RandomStream random) {
  Batch batch = make_batch(kTask, 32, random);
  const std::vector<int32_t>& ids = batch.input.ids;
  for (int64_t s = 0; s < batch.input.segments.count(); ++s) {
    const int64_t last = batch.input.segments.begin(s) + batch.input.segments.length(s) - 1;
    for (int64_t row = batch.input.segments.begin(s) + 1; row < last; ++row) {
      batch.targets[row] = (ids[row - 1] - ids[row + 1] + kTask.symbols) % kTask.symbols;
    }
    batch.targets[last] = -1;
  }
  return batch;
}

// What each head of the first layer looks at: the mean weight of the tokens from 4 before to 4 behind, where all of them exist.
constexpr int kReach = 4;
using Look = std::array<double, 2 * kReach + 1>;
std::vector<Look> looks_of(const Network& network, const Batch& batch) {
  std::vector<Look> looks(static_cast<size_t>(network.options().heads));
  look_at_attention(network, batch.input, [&](const AttentionRecord& record) {
    if (record.layer > 0) return;
    int64_t rows = 0;
    for (int64_t s = 0; s < batch.input.segments.count(); ++s) rows += std::max<int64_t>(0, batch.input.segments.length(s) - 2 * kReach);
    for (int64_t s = 0; s < batch.input.segments.count(); ++s) {
      const std::vector<Tensor> maps = maps_of(record, s);
      for (size_t head = 0; head < maps.size(); ++head) {
        for (int64_t row = kReach; row < maps[head].rows() - kReach; ++row) {
          const float* seen = maps[head].host<float>() + row * maps[head].cols() + row - kReach;
          for (size_t i = 0; i < looks[head].size(); ++i) looks[head][i] += seen[i] / static_cast<double>(rows);
        }
      }
    }
  });
  return looks;
}

// The two heads that together look most at the left and at the right neighbour; of several heads two different ones.
std::pair<int, int> specialists(const std::vector<Look>& looks) {
  std::pair<int, int> best{0, 0};
  double most = -1;
  const auto heads = static_cast<int>(looks.size());
  for (int left = 0; left < heads; ++left) {
    for (int right = 0; right < heads; ++right) {
      const double both = looks[left][kReach - 1] + looks[right][kReach + 1];
      if ((left == right && heads > 1) || both <= most) continue;
      most = both;
      best = {left, right};
    }
  }
  return best;
}

void look_at_heads(const Job& job, const Network& network, const ParameterStore& store, Outcome& outcome) {
  const auto accuracy_without = [&](const std::vector<int>& heads) {
    const PrunedHeads pruned(store, 0, heads, network.options().head_size());
    return judge(job.cancellation, network, 16, [&](int64_t i) { return difference_batch(test_stream(job.seed, i)); }).accuracy;
  };
  outcome.values["difference"] = accuracy_without({});
  const std::vector<Look> looks = looks_of(network, difference_batch(test_stream(job.seed, 0)));
  const auto [left, right] = specialists(looks);
  outcome.values["left look"] = looks[left][kReach - 1];
  outcome.values["right look"] = looks[right][kReach + 1];
  for (int i = 0; i <= 2 * kReach; ++i) {
    outcome.series["left specialist"].emplace_back(i - kReach, looks[left][i]);
    outcome.series["right specialist"].emplace_back(i - kReach, looks[right][i]);
  }
  const int heads = network.options().heads;
  std::vector<int> others;
  double sum = 0;
  for (int head = 0; head < heads; ++head) {
    if (head == left || head == right) continue;
    others.push_back(head);
    sum += accuracy_without({head});
  }
  outcome.values["without a specialist"] = (accuracy_without({left}) + accuracy_without({right})) / 2;
  if (others.empty()) return;
  outcome.values["without another head"] = sum / static_cast<double>(others.size());
  outcome.values["without all others"] = accuracy_without(others);
}

// Trains at each rate and keeps the one that ends with the least training loss.
Outcome run_two_looks(const Job& job) {
  NetworkOptions options = options_of(job.arm);
  options.layers = job.arm.ends_with("two-layers") ? 2 : 1;
  options.causal = false;
  options.vocab_size = vocabulary(kTask);
  Outcome outcome;
  double least = std::numeric_limits<double>::infinity();
  for (const double rate : {2e-3, 6e-3}) {
    ParameterStore store(job.seed, true);
    const Network network(options, store);
    const TrainingOutcome trained =
        train(store, {.steps = job.scaled(2000), .learning_rate = rate, .seed = job.seed, .cancellation = job.cancellation},
              [&](int64_t step, ForwardContext& context) {
                const Batch batch = difference_batch(training_stream(job.seed, step));
                return network.loss(batch.input, batch.targets, context).loss;
              });
    if (trained.diverged || !(trained.losses.back().second < least)) continue;
    least = trained.losses.back().second;
    outcome = {};
    outcome.values["parameters"] = static_cast<double>(store.count());
    outcome.values["rate"] = rate;
    outcome.series["difference loss"] = trained.losses;
    look_at_heads(job, network, store, outcome);
  }
  return outcome;
}

}  // namespace

Experiment heads() {
  return {
      .name = "heads",
      .question = "Why multi-head?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {less_by("4 heads need at least 0.02 bits per byte less than one", "bits per byte", "heads-4", "heads-1", 0.02),
                 more_by("4 heads recall at least 5 points more than one", "recall", "heads-4", "heads-1", 0.05),
                 more_by("16 heads need more bits per byte than 4", "bits per byte", "heads-16", "heads-4", 0.0),
                 between("two of 8 heads overlap by less than half", "overlap", "heads-8", 0, 0.5),
                 between("more than half of 16 heads are cheap", "cheap heads", "heads-16", 0.5, 1)},
      .columns = {{"parameters", "parameters", 0},
                  {"bits per byte", "bits per byte", 3},
                  {"recall", "recall", 2},
                  {"rank", "rank", 1},
                  {"entropy", "entropy (nats)", 2},
                  {"overlap", "overlap", 2},
                  {"pruning cost", "cost of one head", 3},
                  {"largest pruning cost", "of the dearest", 3},
                  {"cheap heads", "cheap heads", 2}},
  };
}

Experiment two_looks() {
  return {
      .name = "two_looks",
      .question = "Can one head look at two places at once?",
      .seeds = 10,
      .arms = {"heads-1", "heads-2", "heads-4", "heads-8", "heads-1-two-layers"},
      .source = "heads.cc",
      .run = run_two_looks,
      .claims = {more_by("in one layer, 2 heads tell two neighbours apart at least 20 points more often than one", "difference", "heads-2",
                         "heads-1", 0.2),
                 more_by("in one layer, 4 heads do so at least 20 points more often than one", "difference", "heads-4", "heads-1", 0.2),
                 more_by("with a second layer one head does so at least 20 points more often", "difference", "heads-1-two-layers",
                         "heads-1", 0.2),
                 between("one of 8 heads has at least half of its weight on the left neighbour", "left look", "heads-8", 0.5, 1.01),
                 between("without one of the two specialists 8 heads answer at most half right", "without a specialist", "heads-8", 0, 0.5),
                 between("without one of the other six they answer at least nine tenths right", "without another head", "heads-8", 0.9,
                         1.01)},
      .columns = {{"parameters", "parameters", 0},
                  {"rate", "rate", 4},
                  {"difference", "difference", 2},
                  {"left look", "weight on the left", 2},
                  {"right look", "weight on the right", 2},
                  {"without a specialist", "without a specialist", 2},
                  {"without another head", "without another head", 2},
                  {"without all others", "without all others", 2}},
  };
}

}  // namespace qkv::lab
