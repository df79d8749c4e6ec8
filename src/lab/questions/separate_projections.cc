// Why different W_Q and W_K? They are tied, left out, or W_K is tied to W_V; on text, and on tasks with and without a direction.
#include <cmath>

#include "lab/networks/attention_maps.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/probes.h"
#include "lab/tasks/synthetic.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

constexpr int kContext = 64;

NetworkOptions options_of(const std::string& arm) {
  NetworkOptions options{.hidden_size = 64, .layers = 2, .heads = 4, .ffn_size = 256};
  options.qk_gain = std::sqrt(1.0f / 64) / 0.02f;  // Xavier's start
  options.position = Position::rope;
  if (arm == "tied-qk") options.projections = Projections::tied_qk;
  if (arm == "tied-kv") options.projections = Projections::tied_kv;
  if (arm == "none") options.projections = Projections::none;
  // The feed-forward receives the removed parameters, h^2 + h each; one of its units has 2 h + 1.
  const int h = options.hidden_size, missing = arm == "separate" ? 0 : arm == "none" ? 2 : 1;
  options.ffn_size += missing * (h * h + h) / (2 * h + 1);
  return options;
}

// Means over layers, heads and 8 windows of text.
void look_at_scores(const Network& network, const PlainText& text, Outcome& outcome) {
  constexpr int64_t kWindows = 8;
  double symmetric = 0, diagonal = 0, count = 0;
  look_at_attention(network, text.test_batch(0, kWindows, kContext).input, [&](const AttentionRecord& record) {
    for (int64_t window = 0; window < kWindows; ++window) {
      const std::vector<Tensor> maps = maps_of(record, window);
      for (size_t head = 0; head < maps.size(); ++head, ++count) {
        symmetric += symmetry(score_matrix(record, window, static_cast<int>(head)));
        diagonal += diagonal_weight(maps[head]);
      }
    }
  });
  outcome.values["symmetry"] = symmetric / count;
  outcome.values["diagonal"] = diagonal / count;
}

// Accuracy after learning a task.
double learn(const Job& job, NetworkOptions options, const TaskOptions& task, Series& losses) {
  options.vocab_size = vocabulary(task);
  options.max_positions = longest(task);
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  losses = train(store, {.steps = job.scaled(1500), .learning_rate = 4e-3, .seed = job.seed, .cancellation = job.cancellation},
                 [&](int64_t step, ForwardContext& context) {
                   const Batch batch = make_batch(task, 32, training_stream(job.seed, step));
                   return network.loss(batch.input, batch.targets, context).loss;
                 })
               .losses;
  return judge(job.cancellation, network, 16, [&](int64_t i) { return make_batch(task, 32, test_stream(job.seed, i)); }).accuracy;
}

Outcome run(const Job& job) {
  Outcome outcome;
  NetworkOptions options = options_of(job.arm);
  learn_text(job, options, {.steps = 1200, .context = kContext}, outcome,
             [&](const Network& network) { look_at_scores(network, PlainText::of(job), outcome); });
  TaskOptions task{.task = Task::recall, .symbols = 16, .min_length = 2, .length = 8};
  outcome.values["recall"] = learn(job, options, task, outcome.series["recall loss"]);
  options.causal = false;
  options.position = Position::learned;  // the position in a sequence of unknown length
  task = {.task = Task::left, .symbols = 16, .min_length = 8, .length = 16, .continued = false};
  outcome.values["left"] = learn(job, options, task, outcome.series["left loss"]);
  task.task = Task::reverse;
  outcome.values["mirror"] = learn(job, options, task, outcome.series["mirror loss"]);
  return outcome;
}

const std::vector<std::string> kArms{"separate", "tied-qk", "none", "tied-kv"};

}  // namespace

Experiment separate_projections() {
  return {
      .name = "separate_projections",
      .question = "Why different W_Q and W_K?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {between("separate projections learn scores that are far from symmetric", "symmetry", "separate", -1, 0.5),
                 more_by("tied projections put at least 0.1 more of the weight on the token itself", "diagonal", "tied-qk", "separate",
                         0.1),
                 more_by("separate projections find the left neighbour at least 10 points more often", "left", "separate", "tied-qk", 0.1),
                 same_within("on text, tying W_Q and W_K changes less than 0.02 bits per byte", "bits per byte", "tied-qk", "separate",
                             0.02),
                 less_by("on text, separate projections need at least 0.02 bits per byte less than none", "bits per byte", "separate",
                         "none", 0.02)},
      .columns = {{"parameters", "parameters", 0},
                  {"symmetry", "symmetry", 2},
                  {"diagonal", "self", 2},
                  {"bits per byte", "bits per byte", 3},
                  {"recall", "recall", 3},
                  {"left", "left neighbour", 3},
                  {"mirror", "mirror", 3}},
  };
}

}  // namespace qkv::lab
