#include "evaluate/validation.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "base/cancellation.h"
#include "decode/translator.h"
#include "evaluate/answer_batches.h"
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

// All lines, of which this process has every count-th. A line may contain any character, so that each is preceded by its length.
std::vector<std::string> merge_shares(const std::vector<std::string>& mine, const Share& share) {
  std::string text;
  for (const std::string& line : mine) text += fmt::format("{}:{}", line.size(), line);
  std::vector<std::vector<std::string>> all;
  size_t count = 0;
  for (const std::string& each : share.gather(text)) {
    std::vector<std::string>& lines = all.emplace_back();
    for (size_t at = 0; at < each.size();) {
      const size_t colon = each.find(':', at), size = std::stoull(each.substr(at, colon - at));
      lines.push_back(each.substr(colon + 1, size));
      at = colon + 1 + size;
    }
    count += lines.size();
  }
  std::vector<std::string> lines;
  for (size_t i = 0; i < count; ++i) lines.push_back(std::move(all[i % all.size()][i / all.size()]));
  return lines;
}

// Labels are so quick to predict that every process does it for all texts.
EncoderRunOptions of_share(EncoderRunOptions options, const Share& share) {
  options.cancellation = share.interruptible(options.cancellation);
  return options;
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

ValidationResult TranslationValidation::run(const Transformer& network, const Share& share) const {
  ValidationResult result{.loss = loss(network, share)};
  const std::vector<std::string> lines = hypotheses(network, share);
  if (has_bleu_) {
    result.bleu = score_corpus(lines, references_).bleu;
  } else {
    result.exact_match = static_cast<double>(exact_matches(lines, references_)) / static_cast<double>(lines.size());
  }
  return result;
}

double TranslationValidation::loss(const Transformer& network, const Share& share) const {
  std::vector<double> nll(static_cast<size_t>(batches_.size()));  // of each batch, so that the order of the sum is the same in any share
  int64_t tokens = 0;
  for (int64_t i = 0; i < batches_.size(); ++i) {
    throw_if_cancelled(share.interruptible(options_.cancellation));
    const TrainingBatch batch = make_pair_batch(corpus_, batches_.batch(i), network.config().decoder_start_token_id);
    tokens += std::ssize(batch.target_out);
    if (!share.has(static_cast<size_t>(i))) continue;
    ForwardContext context;
    context.dtype = options_.dtype;
    nll[static_cast<size_t>(i)] = network.loss(batch.source, batch.target_in, batch.target_out, 0, 1, context).nll_sum;
  }
  share.complete(nll);
  return std::accumulate(nll.begin(), nll.end(), 0.0) / static_cast<double>(tokens);
}

std::vector<std::string> TranslationValidation::hypotheses(const Transformer& network, const Share& share) const {
  TranslateOptions options;
  options.search.num_beams = options_.num_beams;
  options.search.max_length = std::min(max_length_, network.config().max_position_embeddings);
  options.search.rules.bad_words = {network.config().pad_token_id};
  options.search.on_step = [this, &share] { throw_if_cancelled(share.interruptible(options_.cancellation)); };
  options.dtype = options_.dtype;
  options.batch_tokens = options_.batch_tokens;
  options.truncate = true;
  std::vector<std::string> mine, lines;
  for (size_t i = 0; i < sources_.size(); ++i) {
    if (share.has(i)) mine.push_back(sources_[i]);
  }
  for (Translation& translation : translate(network, tokenizer_, mine, options)) {
    lines.push_back(std::move(translation.candidates.front().text));
  }
  return share.count == 1 ? lines : merge_shares(lines, share);
}

ValidationResult TextValidation::run(const Transformer& network, const Share& share) const {
  const TextLoss loss = text_loss(network, corpus_, options_, share);
  return {.loss = loss.per_token(), .bits_per_byte = loss.bits_per_byte()};
}

ValidationResult MaskedValidation::run(const Transformer& network, const Share& share) const {
  MaskedLossOptions words = options_;
  words.masking = hidden_words();
  return {.loss = masked_loss(network, corpus_, tokenizer_, options_, share).per_token(),
          .masked_bits_per_byte = masked_loss(network, corpus_, tokenizer_, words, share).bits_per_byte()};
}

ValidationResult TagValidation::run(const Transformer& network, const Share& share) const {
  const TagScores scores = tag_scores(network, texts_, labels_, of_share(options_, share));
  return {.loss = scores.loss(), .accuracy = scores.accuracy(), .entity_f1 = scores.entity_f1()};
}

ValidationResult ClassificationValidation::run(const Transformer& network, const Share& share) const {
  if (network.config().label_kind != LabelKind::one) {
    const ValueScores scores = value_scores(network, texts_, of_share(options_, share));
    return {.loss = scores.loss, .accuracy = scores.accuracy};
  }
  const ClassificationScores scores = classification_scores(network, texts_, of_share(options_, share));
  return {.loss = scores.loss(), .accuracy = scores.accuracy()};
}

ValidationResult ChoiceValidation::run(const Transformer& network, const Share& share) const {
  const ChoiceAccuracy scores = choice_accuracy(network, texts_, of_share(options_, share));
  return {.loss = scores.loss(), .accuracy = scores.accuracy()};
}

ValidationResult AnswerValidation::run(const Transformer& network, const Share& share) const {
  return {.loss = answer_loss(network, texts_, options_, share)};
}

}  // namespace qkv
