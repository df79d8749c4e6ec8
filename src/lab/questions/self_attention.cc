// Is self-attention the core? Replaces it by mixers that ignore the tokens' content, at equal parameters.
#include "lab/questions/questions.h"
#include "lab/tasks/probes.h"

namespace qkv::lab {
namespace {

NetworkOptions options_of(const std::string& arm) {
  NetworkOptions options{.hidden_size = 64, .layers = 2, .heads = 4, .ffn_size = 256, .position = Position::rope};
  options.qk_gain = 6.25f;  // W_Q and W_K start with deviation 1/8, as Xavier's do
  if (arm == "softmax") return options;
  if (arm == "linear") {
    options.mixer = Mixer::linear;
    return options;
  }
  // The feed-forward receives the parameters of W_Q and W_K (2 h^2 and 2 h), or of all four; one of its units has 2 h + 1.
  const int h = options.hidden_size, unit = 2 * h + 1, projection = h * h + h;
  if (arm == "none") {
    options.mixer = Mixer::none;
    options.ffn_size += (4 * projection + 2 * h) / unit;  // and the norm before it
  } else {
    options.mixer = arm == "average" ? Mixer::average : Mixer::local;
    options.ffn_size += 2 * projection / unit;
  }
  return options;
}

Outcome run(const Job& job) {
  Outcome outcome;
  learn_text(job, options_of(job.arm), {.steps = 1200, .learning_rate = 4e-3}, outcome);
  const TaskOptions task{.task = Task::recall, .symbols = 24, .min_length = 4, .length = 8};
  learn_task(job, options_of(job.arm), task, "recall", {.steps = 4000, .sequences = 32, .learning_rate = 4e-3}, outcome);
  return outcome;
}

const std::vector<std::string> kArms{"softmax", "linear", "local", "average", "none"};

}  // namespace

Experiment self_attention() {
  return {
      .name = "self_attention",
      .question = "Is self-attention the core?",
      .arms = kArms,
      .data = {"text"},
      .run = run,
      .claims = {less_by("self-attention needs at least 0.1 bits per byte less than averaging", "bits per byte", "softmax", "average", 0.1),
                 less_by("self-attention needs less than fixed local weights", "bits per byte", "softmax", "local", 0.0),
                 more_by("self-attention recalls at least 30 points more than fixed local weights", "recall accuracy", "softmax", "local",
                         0.3),
                 more_by("softmax recalls more than linear attention", "recall accuracy", "softmax", "linear", 0.0)},
      .columns = {{"parameters", "parameters", 0}, {"bits per byte", "bits per byte", 3}, {"recall accuracy", "recall accuracy", 3}},
  };
}

}  // namespace qkv::lab
