// Encoder, decoder, or both? The three families learn the same translations; also measures the value of the mask and of cross-attention.
#include "base/cancellation.h"
#include "decode/translator.h"
#include "evaluate/scores.h"
#include "lab/networks/sequence_to_sequence.h"
#include "lab/networks/training.h"
#include "lab/questions/questions.h"
#include "lab/tasks/pair_batches.h"
#include "lab/tasks/texts.h"

namespace qkv::lab {
namespace {

// -log p per target token of the held-out pairs, in nats.
double mean_loss(const Job& job, const BatchSource& batches, const SequenceToSequence& network) {
  const RecordScope no_gradient(nullptr);
  const std::vector<int32_t> order = batches.order(0);
  double sum = 0;
  size_t tokens = 0;
  for (int64_t i = 0; i < batches.size(); ++i) {
    throw_if_cancelled(job.cancellation);
    const TrainingBatch batch = batches.batch(0, order, i);
    ForwardContext context;
    sum += network.loss(batch, context).nll_sum;
    tokens += batch.target_out.size();
  }
  return sum / static_cast<double>(tokens);
}

constexpr int kHidden = 64;
constexpr DType kType = DType::bf16;

SequenceToSequenceOptions options_of(const std::string& arm, const Tokenizer& tokenizer) {
  SequenceToSequenceOptions options;
  options.start = tokenizer.token_to_id(kPadToken);
  options.end = tokenizer.token_to_id(kEosToken);
  options.network = {.vocab_size = tokenizer.vocab_size(), .hidden_size = kHidden, .layers = 2, .heads = 4, .ffn_size = 4 * kHidden};
  options.network.initializer_range = 0;
  options.network.dropout = 0.1f;
  if (arm == "decoder") options.family = Family::decoder;
  if (arm == "prefix-decoder") options.family = Family::prefix_decoder;
  if (arm == "encoder") options.family = Family::encoder;
  options.causal_encoder = arm == "causal-encoder";
  if (arm == "mean-memory") options.memory = Memory::mean;
  if (arm == "no-memory") options.memory = Memory::none;
  if (options.family != Family::encoder_decoder) {
    // Two layers of 12 h^2 and two of 16 h^2 with cross-attention have as many parameters as four of 4 h^2 + 2 * 5 h * h.
    options.network.layers = 4;
    options.network.ffn_size = 5 * kHidden;
  }
  return options;
}

using Sequences = std::vector<std::vector<int32_t>>;

Sequences encoded(const Tokenizer& tokenizer, const std::vector<std::string>& texts, int64_t count) {
  Sequences all;
  for (int64_t i = 0; i < std::min(count, std::ssize(texts)); ++i)
    all.push_back(tokenizer.encode(texts[i], {.special_tokens_as_text = true}));
  return all;
}

double mean_length(const Sequences& sequences) {
  double tokens = 0;
  for (const auto& sequence : sequences) tokens += static_cast<double>(sequence.size()) / static_cast<double>(sequences.size());
  return tokens;
}

// An encoder is given the reference's length; the others may take 10 tokens more and decide themselves where to end.
double test_bleu(const Job& job, const SequenceToSequence& network, const Tokenizer& tokenizer, const Sequences& sources,
                 const Sequences& targets, bool told_length, const std::vector<std::string>& references) {
  std::vector<int32_t> limits;
  for (const auto& target : targets) limits.push_back(static_cast<int32_t>(target.size()) + (told_length ? 0 : 10));
  std::vector<std::string> texts;
  for (const auto& ids : network.translate(sources, limits, kType, job.cancellation)) texts.push_back(text_of(tokenizer, ids));
  return score_corpus(texts, std::span(references).first(texts.size())).bleu;
}

Outcome run(const Job& job) {
  const Pairs& pairs = Pairs::of(job, {.vocab_size = 2000, .vocab_size_is_upper_bound = true});
  const SequenceToSequenceOptions options = options_of(job.arm, pairs.tokenizer());
  ParameterStore store(job.seed, true);
  const SequenceToSequence network(options, store);
  PairBatches batches(pairs.training(job.seed, 768, options.start));
  const TrainingOutcome trained =
      train(store, {.steps = job.scaled(1400), .learning_rate = 4e-3, .seed = job.seed, .dtype = kType, .cancellation = job.cancellation},
            [&](int64_t step, ForwardContext& context) { return network.loss(batches.batch(step), context).loss; });

  Outcome outcome;
  outcome.series["loss"] = trained.losses;
  const Tokenizer& tokenizer = pairs.tokenizer();
  const Sequences sources = encoded(tokenizer, pairs.test_sources(), job.judged(200)),
                  targets = encoded(tokenizer, pairs.test_references(), job.judged(200));
  outcome.values["parameters"] = static_cast<double>(store.count());
  outcome.values["MFLOP"] = network.training_flops(store, mean_length(sources), mean_length(targets)) / 1e6;
  outcome.values["loss"] = mean_loss(job, *pairs.test(2048, options.start), network);
  outcome.values["BLEU"] = test_bleu(job, network, tokenizer, sources, targets, options.family == Family::encoder, pairs.test_references());
  return outcome;
}

const std::vector<std::string> kArms{"encoder-decoder", "decoder",     "prefix-decoder", "encoder",
                                     "causal-encoder",  "mean-memory", "no-memory"};

}  // namespace

Experiment families() {
  return {
      .name = "families",
      .question = "Encoder, decoder, or both?",
      .arms = kArms,
      .data = {"translation"},
      .run = run,
      .claims = {less_by("encoder and decoder predict better than a decoder alone of equal size", "loss", "encoder-decoder", "decoder",
                         0.0),
                 less_by("a prefix that sees itself whole helps the decoder alone", "loss", "prefix-decoder", "decoder", 0.0),
                 more_by("an encoder alone loses at least 0.3 nats", "loss", "encoder", "encoder-decoder", 0.3),
                 more_by("a causal mask costs the encoder at least 0.02 nats", "loss", "causal-encoder", "encoder-decoder", 0.02),
                 more_by("one vector in the place of cross-attention costs at least 0.2 nats", "loss", "mean-memory", "encoder-decoder",
                         0.2),
                 more_by("the source is worth at least 0.5 nats", "loss", "no-memory", "encoder-decoder", 0.5)},
      .columns = {{"parameters", "parameters", 0}, {"MFLOP", "MFLOP per pair", 0}, {"loss", "nats per token"}, {"BLEU", "BLEU", 1}},
  };
}

}  // namespace qkv::lab
