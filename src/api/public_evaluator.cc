// The evaluation functions of the public API.
#include <algorithm>
#include <cmath>

#include "api/model_checks.h"
#include "base/option_error.h"
#include "base/temporary_directory.h"
#include "base/timing.h"
#include "evaluate/classification.h"
#include "evaluate/masked_loss.h"
#include "evaluate/scores.h"
#include "evaluate/text_loss.h"
#include "qkv/evaluator.h"

namespace qkv {
namespace {

constexpr int64_t kLongestByDefault = 2048;  // tokens; longer contexts are slow, and none of our presets trains on them
constexpr int64_t kBatchTokens = 8192;

int64_t resolve_context(int64_t chosen, const TransformerConfig& config, bool masked) {
  QKV_CHECK_OPTION(chosen >= 0, "`context`: {} is too small; it must be at least 0", chosen);
  const int64_t most = config.max_position_embeddings;
  const bool bounded = config.position_table != PositionTable::none;
  QKV_CHECK_OPTION(!bounded || chosen <= most, "`context` {} is more than the model's {} positions", chosen, most);
  const int64_t context = chosen == 0 ? std::min(most, kLongestByDefault) : chosen;
  QKV_CHECK_OPTION(!masked || context > 2, "`context` {} has no room besides [CLS] and [SEP]", context);
  return context;
}

int64_t count_unknown(const TextCorpus& corpus, const Tokenizer& tokenizer) {
  const int32_t id = tokenizer.unknown_id();
  return id < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), id);
}

void evaluate_masked(const Model& model, const TextCorpus& corpus, const Tokenizer& tokenizer, const CancellationToken* cancellation,
                     TextEvaluation& result) {
  MaskedLossOptions options{.context = result.context, .dtype = activation_type(model), .cancellation = cancellation};
  options.batch_tokens = std::max(options.context, kBatchTokens);
  const MaskedLoss loss = masked_loss(model.network, corpus, tokenizer, options);
  options.masking = hidden_words();
  const MaskedLoss words = masked_loss(model.network, corpus, tokenizer, options);
  result.loss = loss.per_token();
  result.masked_bits_per_byte = words.bits_per_byte();
  result.tokens = loss.tokens;
  result.bytes = words.bytes;
}

void evaluate_causal(const Model& model, const TextCorpus& corpus, const CancellationToken* cancellation, TextEvaluation& result) {
  const TextLoss loss = text_loss(model.network, corpus,
                                  {.context = result.context,
                                   .batch_tokens = std::max(result.context, kBatchTokens),
                                   .dtype = activation_type(model),
                                   .cancellation = cancellation});
  result.loss = loss.per_token();
  result.bits_per_byte = loss.bits_per_byte();
  result.tokens = loss.tokens;
  result.bytes = loss.bytes;
}

}  // namespace

TranslationScores score_translations(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  const Scores scores = score_corpus(hypotheses, references);
  TranslationScores result{.chrf = scores.chrf, .signature = scores.signature};
  if (bleu_is_defined(references)) result.bleu = scores.bleu;
  result.exact_matches = static_cast<int64_t>(exact_matches(hypotheses, references));
  result.lines = std::ssize(references);
  return result;
}

TextEvaluation evaluate_text(const std::filesystem::path& directory, const std::filesystem::path& text,
                             const TextEvaluationOptions& options) {
  const std::unique_ptr<Model> model = load_model(directory, options.dtype);
  const TransformerConfig& config = model->config;
  TextEvaluation result{.masked = !config.has_decoder() && config.head == Head::masked_lm};
  if (config.has_encoder() && !result.masked)
    fail(ErrorCode::unsupported, "{}: the model has an encoder; it {}", directory.string(), use_of(config));
  const Tokenizer tokenizer = Tokenizer::load(directory);
  check_tokenizer_fits(directory, tokenizer, config);
  check_separator(text, options.document_separator);
  const TemporaryDirectory temporary;
  const TextCorpus corpus = TextCorpus::build(
      {.text = {text}, .separator = options.document_separator, .cache = temporary / "tokens", .cancellation = options.cancellation},
      tokenizer);
  if (corpus.tokens().size() < 2) fail(ErrorCode::bad_input, "{} is a single token; there is nothing to predict", text.string());
  result.context = resolve_context(options.context, config, result.masked);
  result.unknown_tokens = count_unknown(corpus, tokenizer);
  if (tokenizer.unknown_id() >= 0) result.unknown_token = tokenizer.id_to_token(tokenizer.unknown_id());
  const Stopwatch watch;
  if (result.masked) {
    evaluate_masked(*model, corpus, tokenizer, options.cancellation, result);
  } else {
    evaluate_causal(*model, corpus, options.cancellation, result);
  }
  result.perplexity = std::exp(result.loss);
  result.seconds = watch.seconds();
  return result;
}

ClassificationEvaluation evaluate_classification(const std::filesystem::path& directory, const std::filesystem::path& file,
                                                 const ClassificationEvaluationOptions& options) {
  const ClassifierParts parts = open_classifier(directory, options.dtype);
  const int64_t max_tokens = parts.model->config.max_position_embeddings;
  const LabelledTexts texts(read_labelled_lines(file), parts.model->labels, parts.tokenizer, max_tokens);
  const Stopwatch watch;
  const ClassificationScores scores =
      classification_scores(parts.model->network, texts, {.dtype = activation_type(*parts.model), .cancellation = options.cancellation});
  return {.loss = scores.loss(),
          .accuracy = scores.accuracy(),
          .right = scores.right,
          .texts = scores.texts,
          .cut = texts.cut(),
          .max_tokens = max_tokens,
          .seconds = watch.seconds()};
}

}  // namespace qkv
