#include "evaluate/validation.h"

#include <algorithm>

#include "base/cancellation.h"
#include "decode/translator.h"
#include "evaluate/batch_source.h"
#include "evaluate/scores.h"

namespace qkv {
namespace {

// Twice the longest reference is enough for any translation. It stops an untrained network, which may never predict </s>.
int translation_limit(const ParallelCorpus& corpus) {
  size_t longest = 0;
  for (int64_t pair = 0; pair < corpus.size(); ++pair) longest = std::max(longest, corpus.target(pair).size());
  return static_cast<int>(2 * longest + 10);
}

}  // namespace

TranslationValidation::TranslationValidation(ParallelCorpus corpus, std::vector<std::string> sources, std::vector<std::string> references,
                                             const Tokenizer& tokenizer, const TranslationValidationOptions& options)
    : corpus_(std::move(corpus)),
      sources_(std::move(sources)),
      references_(std::move(references)),
      tokenizer_(tokenizer),
      options_(options),
      batches_(corpus_, {.batch_tokens = options.batch_tokens}),
      max_length_(translation_limit(corpus_)),
      has_bleu_(bleu_is_defined(references_)) {}

ValidationResult TranslationValidation::run(const Transformer& network) const {
  ValidationResult result{.loss = loss(network)};
  const std::vector<std::string> lines = hypotheses(network);
  if (has_bleu_) {
    result.bleu = score_corpus(lines, references_).bleu;
  } else {
    result.exact_match = static_cast<double>(exact_matches(lines, references_)) / static_cast<double>(lines.size());
  }
  return result;
}

double TranslationValidation::loss(const Transformer& network) const {
  double nll = 0;
  int64_t tokens = 0;
  for (int64_t i = 0; i < batches_.size(); ++i) {
    throw_if_cancelled(options_.cancellation);
    const TrainingBatch batch = make_pair_batch(corpus_, batches_.batch(i), network.config().decoder_start_token_id);
    ForwardContext context;
    context.dtype = options_.dtype;
    nll += network.loss(batch.source, batch.target_in, batch.target_out, 0, 1, context).nll_sum;
    tokens += static_cast<int64_t>(batch.target_out.size());
  }
  return nll / static_cast<double>(tokens);
}

std::vector<std::string> TranslationValidation::hypotheses(const Transformer& network) const {
  TranslateOptions options;
  options.search.num_beams = options_.num_beams;
  options.search.max_length = std::min(max_length_, network.config().max_position_embeddings);
  options.search.rules.bad_words = {network.config().pad_token_id};
  options.search.on_step = [this] { throw_if_cancelled(options_.cancellation); };
  options.dtype = options_.dtype;
  options.batch_tokens = options_.batch_tokens;
  options.truncate = true;
  std::vector<std::string> lines;
  for (Translation& translation : translate(network, tokenizer_, sources_, options)) {
    lines.push_back(std::move(translation.candidates.front().text));
  }
  return lines;
}

ValidationResult TextValidation::run(const Transformer& network) const {
  const TextLoss loss = text_loss(network, corpus_, options_);
  return {.loss = loss.per_token(), .bits_per_byte = loss.bits_per_byte()};
}

ValidationResult MaskedValidation::run(const Transformer& network) const {
  MaskedLossOptions words = options_;
  words.masking = hidden_words();
  return {.loss = masked_loss(network, corpus_, tokenizer_, options_).per_token(),
          .masked_bits_per_byte = masked_loss(network, corpus_, tokenizer_, words).bits_per_byte()};
}

ValidationResult TagValidation::run(const Transformer& network) const {
  const TagScores scores = tag_scores(network, texts_, labels_, options_);
  return {.loss = scores.loss(), .accuracy = scores.accuracy(), .entity_f1 = scores.entity_f1()};
}

ValidationResult ClassificationValidation::run(const Transformer& network) const {
  if (network.config().label_kind != LabelKind::one) {
    const ValueScores scores = value_scores(network, texts_, options_);
    return {.loss = scores.loss, .accuracy = scores.accuracy};
  }
  const ClassificationScores scores = classification_scores(network, texts_, options_);
  return {.loss = scores.loss(), .accuracy = scores.accuracy()};
}

}  // namespace qkv
