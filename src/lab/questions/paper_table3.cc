// The paper's table 3 in small: heads, size of the keys, size of the network, dropout, label smoothing and learned positions.
#include <cmath>

#include "base/error.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/pair_batches.h"
#include "lab/tasks/texts.h"
#include "nn/uniform_config.h"

namespace qkv::lab {
namespace {

constexpr DType kType = DType::bf16;

struct Row {
  std::string arm;
  UniformConfig config;
  int key_size = 0;  // d_k; 0: hidden size / heads
  float label_smoothing = 0.1f;
};

// Row `base` of the paper at an eighth of its width and a third of its layers, with the norm position that short trainings need.
Row base_row() {
  Row row;
  row.config.hidden_size = 64;
  row.config.encoder_layers = row.config.decoder_layers = 2;
  row.config.num_attention_heads = 4;
  row.config.encoder_ffn_dim = row.config.decoder_ffn_dim = 256;
  row.config.norm_position = NormPlace::pre;
  row.config.dropout = 0.1f;
  row.config.max_position_embeddings = 256;
  return row;
}

Row row_of(const std::string& arm) {
  Row row = base_row();
  row.arm = arm;
  UniformConfig& c = row.config;
  if (arm == "A-1-head") c.num_attention_heads = 1;
  if (arm == "A-16-heads") c.num_attention_heads = 16;
  if (arm == "B-d_k-4") row.key_size = 4;
  if (arm == "C-1-layer") c.encoder_layers = c.decoder_layers = 1;
  if (arm == "C-4-layers") c.encoder_layers = c.decoder_layers = 4;
  if (arm == "C-width-32") c.hidden_size = 32;
  if (arm == "C-width-128") c.hidden_size = 128;
  if (arm == "C-ffn-64") c.encoder_ffn_dim = c.decoder_ffn_dim = 64;
  if (arm == "D-no-dropout") c.dropout = 0;
  if (arm == "D-dropout-20") c.dropout = 0.2f;
  if (arm == "D-no-smoothing") row.label_smoothing = 0;
  if (arm == "E-learned") c.position = Position::learned;
  c.num_key_value_heads = c.num_attention_heads;
  return row;
}

// Multiplies columns 0 to `kept` - 1 of each head's queries and keys by `gain`, the others by 0. The latter get no gradient, so d_k is
// `kept`.
void shorten_keys(const ParameterStore& store, int head_size, int kept, float gain) {
  for (const Parameter& parameter : store.all()) {
    if (!parameter.name.ends_with("q_proj.weight") && !parameter.name.ends_with("k_proj.weight")) continue;
    std::vector<float> values = parameter.value.to_vector();
    const int64_t cols = parameter.value.cols();
    for (int64_t i = 0; i < std::ssize(values); ++i) values[i] *= i / cols % head_size < kept ? gain : 0;
    parameter.value.copy_from(Tensor::from(values, parameter.value.shape()));
  }
}

// Number of weights that are not fixed at zero.
int64_t parameters(const ParameterStore& store, const Row& row) {
  int64_t count = store.count();
  if (row.key_size == 0) return count;
  const int64_t attentions = row.config.encoder_layers + 2 * row.config.decoder_layers, h = row.config.hidden_size;
  return count - attentions * 2 * (h - int64_t{row.key_size} * row.config.num_attention_heads) * (h + 1);
}

Outcome run(const Job& job) {
  const Pairs& pairs = Pairs::of(job, {.vocab_size = 2000, .vocab_size_is_upper_bound = true});
  Row row = row_of(job.arm);
  row.config.vocab_size = pairs.tokenizer().vocab_size();
  row.config.pad_token_id = row.config.decoder_start_token_id = pairs.tokenizer().token_to_id(kPadToken);
  row.config.eos_token_ids = {pairs.tokenizer().token_to_id(kEosToken)};
  ParameterStore store(job.seed, true);
  const Transformer network(row.config, store);
  // The scale stays 1 / sqrt(head size); larger initial queries and keys give the scores that 1 / sqrt(d_k) would.
  if (row.key_size > 0)
    shorten_keys(store, row.config.head_size(), row.key_size, std::pow(static_cast<float>(row.config.head_size()) / row.key_size, 0.25f));
  PairBatches batches(pairs.training(job.seed, 768, row.config.decoder_start_token_id));
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(1000), .learning_rate = 4e-3, .seed = job.seed, .dtype = kType, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) {
              const TrainingBatch batch = batches.batch(step);
              return batch_loss(network, batch, row.label_smoothing, 1 / static_cast<float>(batch.target_out.size()), context).loss;
            });
  Outcome outcome;
  outcome.series["loss"] = trained.losses;
  outcome.values["parameters"] = static_cast<double>(parameters(store, row));
  const ValidationResult result = pairs.validation(job.judged(300), kType)->run(network, {});
  outcome.values["loss"] = result.loss;
  outcome.values["perplexity"] = std::exp(result.loss);
  outcome.values["BLEU"] = result.bleu.value_or(0);
  return outcome;
}

const std::vector<std::string> kArms{"base",         "A-1-head",       "A-16-heads",  "B-d_k-4",  "C-1-layer",
                                     "C-4-layers",   "C-width-32",     "C-width-128", "C-ffn-64", "D-no-dropout",
                                     "D-dropout-20", "D-no-smoothing", "E-learned"};

}  // namespace

Experiment paper_table3() {
  return {
      .name = "paper_table3",
      .question = "Does the paper's own table 3 hold in small?",
      .arms = kArms,
      .data = {"translation"},
      .run = run,
      .claims = {more_by("one head is worse than four", "loss", "A-1-head", "base", 0.0),
                 more_by("sixteen heads of 4 are worse than four", "loss", "A-16-heads", "base", 0.0),
                 more_by("keys of 4 in the place of 16 are worse", "loss", "B-d_k-4", "base", 0.0),
                 less_by("four layers are better than one by at least 0.05 nats", "loss", "C-4-layers", "C-1-layer", 0.05),
                 less_by("a width of 128 is better than 32 by at least 0.2 nats", "loss", "C-width-128", "C-width-32", 0.2),
                 more_by("a smaller feed-forward network is worse", "loss", "C-ffn-64", "base", 0.0),
                 more_by("no dropout is worse", "loss", "D-no-dropout", "base", 0.0),
                 less_by("without label smoothing BLEU is lower", "BLEU", "D-no-smoothing", "base", 0.0),
                 same_within("learned positions are within 0.05 nats of sinusoids", "loss", "E-learned", "base", 0.05)},
      .columns = {{"parameters", "parameters", 0}, {"loss", "nats per token"}, {"perplexity", "perplexity", 2}, {"BLEU", "BLEU", 1}},
  };
}

}  // namespace qkv::lab
