// Can scores without a direction lead round a cycle? One layer with one head must look from each of three ids at the next one.
#include "lab/questions/questions.h"
#include "lab/tasks/probes.h"

namespace qkv::lab {
namespace {

constexpr int kIds = 3, kValues = 8;

// Attention and a linear output layer, nothing else: what is answered is what attention has looked at.
NetworkOptions options_of(const std::string& arm) {
  NetworkOptions options{.outputs = kValues, .hidden_size = 32, .layers = 1, .heads = 1, .ffn_size = 0, .causal = false};
  options.norm_place = NormPlace::none;
  options.residual = false;
  options.position = Position::none;
  options.embedding_deviation = 1;
  options.qk_gain = 6.25f;
  if (arm == "tied-qk") options.projections = Projections::tied_qk;
  if (arm == "shared-qk") options.projections = Projections::shared_qk;
  if (arm == "none") options.projections = Projections::none;
  return options;
}

Outcome run(const Job& job) {
  Outcome outcome;
  const TaskOptions task{.task = Task::cycle, .symbols = kIds * kValues, .length = kIds};
  learn_task(job, options_of(job.arm), task, "cycle", {.steps = 3000, .sequences = 64, .learning_rate = 4e-3}, outcome);
  return outcome;
}

const std::vector<std::string> kArms{"separate", "tied-qk", "none", "shared-qk"};

}  // namespace

Experiment cycle() {
  // Where scores have no direction, one of the three does not look at the next one: two thirds, and an eighth of the last third.
  constexpr double kMost = 0.75;
  return {
      .name = "cycle",
      .question = "Can scores without a direction lead round a cycle?",
      .seeds = 10,
      .arms = kArms,
      .run = run,
      .claims = {between("separate projections find at least 99 % of the values", "cycle accuracy", "separate", 0.99, 1.01),
                 between("tied projections find at most three quarters", "cycle accuracy", "tied-qk", 0, kMost),
                 between("so do products without projections", "cycle accuracy", "none", 0, kMost),
                 between("so do tied ones with keys of length 1 and no look at oneself", "cycle accuracy", "shared-qk", 0, kMost)},
      .columns = {{"cycle accuracy", "values found", 3}},
  };
}

}  // namespace qkv::lab
