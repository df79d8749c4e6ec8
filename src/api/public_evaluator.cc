// The evaluation functions of the public API.
#include <algorithm>
#include <cmath>
#include <map>
#include <set>

#include "api/model_checks.h"
#include "base/option_error.h"
#include "base/temporary_directory.h"
#include "base/timing.h"
#include "data/table_rows.h"
#include "evaluate/classification.h"
#include "evaluate/comparison.h"
#include "evaluate/masked_loss.h"
#include "evaluate/option_table.h"
#include "evaluate/scores.h"
#include "evaluate/text_loss.h"
#include "processes/process_group.h"
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

// What this process has to do of an evaluation under mpirun or srun.
Share launched_share() {
  ProcessGroup& group = process_group();
  return {.index = group.rank(),
          .count = group.size(),
          .sum = [&group](std::span<double> values) { group.tree_sum(values); },
          .gather = [&group](const std::string& text) { return group.gather(text); }};
}

int64_t count_unknown(const TextCorpus& corpus, const Tokenizer& tokenizer) {
  const int32_t id = tokenizer.unknown_id();
  return id < 0 ? 0 : std::count(corpus.tokens().begin(), corpus.tokens().end(), id);
}

void evaluate_masked(const Model& model, const TextCorpus& corpus, const Tokenizer& tokenizer, const CancellationToken* cancellation,
                     TextEvaluation& result) {
  MaskedLossOptions options{.context = result.context, .dtype = activation_type(model), .cancellation = cancellation};
  options.batch_tokens = std::max(options.context, kBatchTokens);
  const MaskedLoss loss = masked_loss(model.network, corpus, tokenizer, options, launched_share());
  options.masking = hidden_words();
  const MaskedLoss words = masked_loss(model.network, corpus, tokenizer, options, launched_share());
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
                                   .cancellation = cancellation},
                                  launched_share());
  result.loss = loss.per_token();
  result.bits_per_byte = loss.bits_per_byte();
  result.tokens = loss.tokens;
  result.bytes = loss.bytes;
}

}  // namespace

TranslationScores score_translations(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  const std::vector<std::string> list(references.begin(), references.end());
  return score_translations(hypotheses, {&list, 1}, {});
}

TranslationScores score_translations(std::span<const std::string> hypotheses, std::span<const std::vector<std::string>> references,
                                     const ScoringOptions& options) {
  check_ranges(scoring_option_table(), options);
  check_scoring_options(options);
  const LineCounts corpus = count_corpus(hypotheses, references, {.scoring = options});
  const bool has_bleu = std::any_of(references.begin(), references.end(),
                                    [&](const std::vector<std::string>& list) { return bleu_is_defined(list, options.tokenization); });
  TranslationScores result;
  if (has_bleu) result.bleu = bleu_score(corpus, options);
  result.chrf = chrf(corpus.chrf.characters);
  result.chrf_plus_plus = chrf(corpus.chrf.characters_beside_words, corpus.chrf.words);
  result.ter = ter(corpus.ter);
  result.signature = bleu_signature(options, references.size());
  result.chrf_signature = chrf_signature(options, references.size(), 0);
  result.chrf_plus_plus_signature = chrf_signature(options, references.size(), 2);
  result.ter_signature = ter_signature(options, references.size());
  if (options.word_error_rate) result.word_errors = corpus.word_errors;
  if (options.token_error_rate) result.token_errors = corpus.token_errors;
  result.exact_matches = static_cast<int64_t>(exact_matches(hypotheses, references));
  result.lines = std::ssize(hypotheses);
  return result;
}

std::vector<MeasureComparison> compare_translations(std::span<const std::vector<std::string>> systems,
                                                    std::span<const std::vector<std::string>> references,
                                                    const ComparisonOptions& options) {
  check_ranges(scoring_option_table(), options.scoring);
  check_ranges(comparison_option_table(), options);
  check_scoring_options(options.scoring);
  const size_t lines = references.empty() ? 0 : references.front().size();
  return compare_systems(systems, references, options, random_lines(static_cast<uint64_t>(options.seed), lines));
}

LabelScores score_labels(std::span<const std::string> predicted, std::span<const std::string> right, std::span<const std::string> names) {
  if (predicted.size() != right.size())
    fail(ErrorCode::bad_input, "there are {} predicted labels and {} right ones; they must belong together", predicted.size(),
         right.size());
  if (right.empty()) fail(ErrorCode::bad_input, "there is nothing to score: no labels");
  std::vector<std::string> all(names.begin(), names.end());
  if (names.empty()) {
    std::set<std::string> found(right.begin(), right.end());
    found.insert(predicted.begin(), predicted.end());
    all.assign(found.begin(), found.end());
  }
  std::map<std::string_view, size_t> numbers;
  for (const std::string& name : all) {
    if (!numbers.emplace(name, numbers.size()).second) fail(ErrorCode::bad_input, "the label \"{}\" is there twice", name);
  }
  const auto number = [&](const std::string& label) {
    const auto found = numbers.find(label);
    if (found == numbers.end()) fail(ErrorCode::bad_input, "\"{}\" is none of the labels {}", label, fmt::join(all, ", "));
    return found->second;
  };
  ConfusionMatrix confusion(all.size(), std::vector<int64_t>(all.size()));
  for (size_t i = 0; i < right.size(); ++i) ++confusion[number(right[i])][number(predicted[i])];
  return scores_of_labels(std::move(confusion), all);
}

TextEvaluation evaluate_text(const std::filesystem::path& directory, const TextFiles& files, const TextEvaluationOptions& options) {
  const std::unique_ptr<Model> model = load_model(directory, options.dtype);
  const TransformerConfig& config = model->config;
  TextEvaluation result{.masked = !config.has_decoder() && config.head == Head::masked_lm};
  if (config.has_encoder() && !result.masked)
    fail(ErrorCode::unsupported, "{}: the model has an encoder; it {}", directory.string(), use_of(config));
  const Tokenizer tokenizer = Tokenizer::load(directory);
  check_tokenizer_fits(directory, tokenizer, config);
  const std::string ending = options.document_separator.empty() ? "\n" : options.document_separator;
  const bool table = !options.text_column.empty();
  TextSource text = TextSource::open(files, {.between = table ? "\n" : ending, .cancellation = options.cancellation});
  if (table) text = column_text(text, options.text_column, ending, {});
  check_separator(text, options.document_separator);
  const TemporaryDirectory temporary;
  const TextCorpus corpus = TextCorpus::build(
      {.text = {text}, .separator = options.document_separator, .cache = temporary / "tokens", .cancellation = options.cancellation},
      tokenizer);
  if (corpus.tokens().size() < 2) fail(ErrorCode::bad_input, "{} is a single token; there is nothing to predict", text.name());
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

ClassificationEvaluation evaluate_classification(const std::filesystem::path& directory, const TextFiles& files,
                                                 const ClassificationEvaluationOptions& options) {
  const ModelParts parts = open_classifier(directory, options.dtype);
  const int64_t max_tokens = parts.model->config.max_position_embeddings;
  if (parts.model->config.label_kind != LabelKind::one) {
    fail(ErrorCode::unsupported, "{}: several labels of the model may hold for a text; only models that choose one are scored",
         directory.string());
  }
  const TextSource source = TextSource::open(files, {.cancellation = options.cancellation});
  const LabelledTexts texts(read_labelled_lines(source, {options.text_column, options.label_column}), parts.model->labels, parts.tokenizer,
                            max_tokens);
  const Stopwatch watch;
  const ClassificationScores scores =
      classification_scores(parts.model->network, texts, {.dtype = activation_type(*parts.model), .cancellation = options.cancellation});
  return {.loss = scores.loss(),
          .accuracy = scores.accuracy(),
          .right = scores.right,
          .labels = scores_of_labels(scores.confusion, parts.model->labels),
          .texts = scores.texts,
          .cut = texts.cut(),
          .max_tokens = max_tokens,
          .seconds = watch.seconds()};
}

}  // namespace qkv
