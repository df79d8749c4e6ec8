#include "lab/tasks/probes.h"

#include <cmath>

#include "lab/networks/training.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {

void learn_text(const Job& job, NetworkOptions options, const Probe& probe, Outcome& outcome,
                const std::function<void(const Network&)>& look) {
  const PlainText& text = PlainText::of(job);
  options.vocab_size = text.vocab_size();
  if (options.outputs > 0) options.outputs = options.vocab_size;
  options.max_positions = probe.context;
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  const TrainingOutcome trained = train(
      store, {.steps = job.scaled(probe.steps), .learning_rate = probe.learning_rate, .seed = job.seed, .cancellation = job.cancellation},
      [&](int64_t step, ForwardContext& context) {
        const Batch batch = text.training_batch(probe.sequences, probe.context, training_stream(job.seed, step));
        return network.loss(batch.input, batch.targets, context).loss;
      });
  outcome.series["text loss"] = trained.losses;
  outcome.values["parameters"] = static_cast<double>(store.count());
  outcome.values["bits per byte"] =
      trained.diverged ? std::log2(text.vocab_size()) : text.bits_per_byte(network, job.judged(400), probe.context);
  if (look) look(network);
}

void learn_task(const Job& job, NetworkOptions options, const TaskOptions& task, const std::string& name, const Probe& probe,
                Outcome& outcome, const std::function<void(const Network&)>& look) {
  options.vocab_size = vocabulary(task);
  if (options.outputs > 0) options.outputs = options.vocab_size;
  options.max_positions = longest(task);
  ParameterStore store(job.seed, true);
  const Network network(options, store);
  const TrainingOutcome trained = train(
      store, {.steps = job.scaled(probe.steps), .learning_rate = probe.learning_rate, .seed = job.seed, .cancellation = job.cancellation},
      [&](int64_t step, ForwardContext& context) {
        const Batch batch = make_batch(task, probe.sequences, training_stream(job.seed, step));
        return network.loss(batch.input, batch.targets, context).loss;
      });
  outcome.series[name + " loss"] = trained.losses;
  outcome.values[name + " accuracy"] =
      judge(job.cancellation, network, job.judged(16), [&](int64_t i) { return make_batch(task, 32, test_stream(job.seed, i)); }).accuracy;
  if (look) look(network);
}

}  // namespace qkv::lab
