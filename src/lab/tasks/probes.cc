#include "lab/tasks/probes.h"

#include <cmath>

#include "lab/networks/training.h"
#include "lab/tasks/pair_batches.h"
#include "lab/tasks/texts.h"
#include "nn/transformer.h"
#include "nn/uniform_config.h"

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

void learn_translation(const Job& job, const std::optional<PairNetworkOptions>& rival, Outcome& outcome) {
  const Pairs& pairs = Pairs::of(job, {.vocab_size = 2000});
  UniformConfig config;
  config.vocab_size = pairs.tokenizer().vocab_size();
  config.hidden_size = 64;
  config.encoder_layers = config.decoder_layers = 2;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.encoder_ffn_dim = config.decoder_ffn_dim = 256;
  config.norm_position = NormPlace::pre;
  config.max_position_embeddings = 512;
  ParameterStore store(job.seed, true);
  std::optional<Transformer> transformer;
  std::optional<PairNetwork> other;
  if (rival) {
    PairNetworkOptions options = *rival;
    options.vocab_size = config.vocab_size;
    other.emplace(options, store);
  } else {
    transformer.emplace(config, store);
  }
  const auto loss = [&](const TrainingBatch& batch, ForwardContext& context) {
    if (other) return other->loss(batch, context);
    return transformer->loss(batch.source, batch.target_in, batch.target_out, 0, 1.0f / static_cast<float>(batch.target_out.size()),
                             context);
  };
  PairBatches batches(pairs.training(job.seed, 1536, 0));
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(900), .learning_rate = 3e-3, .seed = job.seed, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) { return loss(batches.batch(step), context).loss; });
  outcome.series["translation loss"] = trained.losses;
  outcome.values["translation loss"] = mean_loss(job.cancellation, *pairs.test(2048, 0), loss);
  outcome.values["translation parameters"] = static_cast<double>(store.count());
}

}  // namespace qkv::lab
