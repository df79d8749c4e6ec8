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
#include "data/tagged_words.h"
#include "evaluate/choices.h"
#include "evaluate/classification.h"
#include "evaluate/comparison.h"
#include "evaluate/masked_loss.h"
#include "evaluate/number_scores.h"
#include "evaluate/option_table.h"
#include "evaluate/scores.h"
#include "evaluate/tag_scores.h"
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

void check_counts(size_t predicted, size_t right, std::string_view what) {
  if (predicted != right)
    fail(ErrorCode::bad_input, "there are {} predicted {} and {} right ones; they must belong together", predicted, what, right);
  if (right == 0) fail(ErrorCode::bad_input, "there is nothing to score: no {}", what);
}

// Numbers of labels: those of `names`, or of all labels in alphabetical order.
class LabelIndex {
 public:
  LabelIndex(std::span<const std::string> names, std::initializer_list<std::span<const std::string>> labels) {
    std::set<std::string> found;
    for (const auto& each : labels) found.insert(each.begin(), each.end());
    number(names.empty() ? std::vector(found.begin(), found.end()) : std::vector(names.begin(), names.end()));
  }
  LabelIndex(std::span<const std::string> names, std::initializer_list<std::span<const std::vector<std::string>>> lists) {
    std::set<std::string> found;
    for (const auto& each : lists) {
      for (const std::vector<std::string>& list : each) found.insert(list.begin(), list.end());
    }
    number(names.empty() ? std::vector(found.begin(), found.end()) : std::vector(names.begin(), names.end()));
  }

  const std::vector<std::string>& names() const { return names_; }
  size_t of(const std::string& label) const {
    const auto found = numbers_.find(label);
    if (found != numbers_.end()) return found->second;
    fail(ErrorCode::bad_input, "\"{}\" is none of the labels {}", label, fmt::join(names_, ", "));
  }

 private:
  void number(std::vector<std::string> names) {
    names_ = std::move(names);
    for (const std::string& name : names_) {
      if (!numbers_.emplace(name, numbers_.size()).second) fail(ErrorCode::bad_input, "the label \"{}\" is there twice", name);
    }
  }

  std::vector<std::string> names_;
  std::map<std::string, size_t> numbers_;
};

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
  check_counts(predicted.size(), right.size(), "labels");
  const LabelIndex index(names, {predicted, right});
  ConfusionMatrix confusion(index.names().size(), std::vector<int64_t>(index.names().size()));
  for (size_t i = 0; i < right.size(); ++i) ++confusion[index.of(right[i])][index.of(predicted[i])];
  return scores_of_labels(std::move(confusion), index.names());
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

LabelSetScores score_label_sets(std::span<const std::vector<std::string>> predicted, std::span<const std::vector<std::string>> right,
                                std::span<const std::string> names) {
  check_counts(predicted.size(), right.size(), "lists of labels");
  const LabelIndex index(names, {predicted, right});
  if (index.names().empty()) fail(ErrorCode::bad_input, "there is nothing to score: no labels");
  const auto held = [&](const std::vector<std::string>& list) {
    std::vector<bool> holds(index.names().size());
    for (const std::string& label : list) {
      const size_t number = index.of(label);
      if (holds[number]) fail(ErrorCode::bad_input, "a text has the label \"{}\" twice", label);
      holds[number] = true;
    }
    return holds;
  };
  LabelSetCounts counts(index.names());
  for (size_t i = 0; i < right.size(); ++i) counts.add(held(predicted[i]), held(right[i]));
  return counts.scores();
}

NumberScores score_numbers(std::span<const double> predicted, std::span<const double> right) {
  check_counts(predicted.size(), right.size(), "numbers");
  for (const auto& numbers : {predicted, right}) {
    for (const double number : numbers) {
      if (!std::isfinite(number)) fail(ErrorCode::bad_input, "{} is among the numbers; only finite ones can be scored", number);
    }
  }
  return number_scores(predicted, right);
}

EntityScores score_entities(std::span<const std::vector<std::string>> predicted, std::span<const std::vector<std::string>> right) {
  check_counts(predicted.size(), right.size(), "sentences");
  const LabelIndex index({}, {predicted, right});
  const EntityScheme scheme(index.names());
  const auto numbered = [&](const std::vector<std::string>& labels) {
    std::vector<int32_t> result;
    for (const std::string& label : labels) result.push_back(static_cast<int32_t>(index.of(label)));
    return result;
  };
  TagScores scores;
  for (size_t i = 0; i < right.size(); ++i) {
    if (predicted[i].size() != right[i].size()) {
      fail(ErrorCode::bad_input, "sentence {} has {} predicted labels and {} right ones; each word needs one of both", i + 1,
           predicted[i].size(), right[i].size());
    }
    scores.add(numbered(right[i]), numbered(predicted[i]), scheme);
  }
  if (scores.words == 0) fail(ErrorCode::bad_input, "there is nothing to score: no words");
  return scores.entity_scores();
}

namespace {

void score_several(std::span<const std::vector<float>> logits, const LabelledTexts& texts, const Model& model,
                   ClassificationEvaluation& result) {
  LabelSetCounts counts(model.labels);
  for (int64_t i = 0; i < texts.size(); ++i) {
    std::vector<bool> predicted, right;
    for (const float logit : logits[static_cast<size_t>(i)]) predicted.push_back(label_holds(logit));
    for (const float value : texts.values(i)) right.push_back(value == 1);
    counts.add(predicted, right);
  }
  result.label_sets = counts.scores();
  result.right = counts.exact();
  result.accuracy = result.label_sets->exact_match;
}

NumberScores scores_of_numbers(std::span<const std::vector<float>> logits, const LabelledTexts& texts) {
  std::vector<double> predicted, right;
  for (int64_t i = 0; i < texts.size(); ++i) {
    predicted.push_back(logits[static_cast<size_t>(i)].front());
    right.push_back(texts.values(i).front());
  }
  return number_scores(predicted, right);
}

TextLabels labels_of(LabelKind kind) {
  switch (kind) {
    case LabelKind::several: return TextLabels::several;
    case LabelKind::values: return TextLabels::number;
    case LabelKind::one: break;
  }
  return TextLabels::one;
}

LabelledTexts read_labelled_texts(const ModelParts& parts, const TextFiles& files, const ClassificationEvaluationOptions& options) {
  QKV_CHECK_OPTION(options.pairs || options.second_column.empty(), "`second_column` goes with `pairs`");
  const TransformerConfig& config = parts.model->config;
  const TextLabels kind = labels_of(config.label_kind);
  const TextSource source = TextSource::open(files, {.cancellation = options.cancellation});
  const LabelledLines lines = read_labelled_lines(source, {.text = options.text_column,
                                                           .label = options.label_column,
                                                           .second = options.second_column,
                                                           .pairs = options.pairs,
                                                           .may_lack_label = kind == TextLabels::several,
                                                           .numbers = kind == TextLabels::number});
  return {lines, parts.model->labels, parts.tokenizer, config.max_position_embeddings, kind, label_row(config)};
}

}  // namespace

ClassificationEvaluation evaluate_classification(const std::filesystem::path& directory, const TextFiles& files,
                                                 const ClassificationEvaluationOptions& options) {
  const ModelParts parts = open_head(directory, options.dtype, {Head::classification}, "labels no texts");
  const Model& model = *parts.model;
  const LabelKind kind = model.config.label_kind;
  if (kind == LabelKind::values && model.config.num_labels != 1) {
    fail(ErrorCode::unsupported, "{}: the model gives {} numbers for each text; only models with one are scored", directory.string(),
         model.config.num_labels);
  }
  const LabelledTexts texts = read_labelled_texts(parts, files, options);
  ClassificationEvaluation result{.texts = texts.size(), .cut = texts.cut(), .max_tokens = model.config.max_position_embeddings};
  const Stopwatch watch;
  const EncoderRunOptions run{.dtype = activation_type(model), .cancellation = options.cancellation};
  if (kind == LabelKind::one) {
    const ClassificationScores scores = classification_scores(model.network, texts, run);
    result.loss = scores.loss();
    result.accuracy = scores.accuracy();
    result.right = scores.right;
    result.labels = scores_of_labels(scores.confusion, model.labels);
  } else {
    const std::vector<std::vector<float>> logits = label_logits(model.network, texts.inputs(), run);
    result.loss = value_scores(logits, texts, kind).loss;
    if (kind == LabelKind::several) score_several(logits, texts, model, result);
    if (kind == LabelKind::values) result.numbers = scores_of_numbers(logits, texts);
  }
  result.seconds = watch.seconds();
  return result;
}

TagEvaluation evaluate_tags(const std::filesystem::path& directory, const TextFiles& files, const TagEvaluationOptions& options) {
  const ModelParts parts = open_head(directory, options.dtype, {Head::token_classification}, "labels no tokens");
  room_for_text(parts, directory);
  const TaggedWords words = read_tagged_words(TextSource::open(files, {.cancellation = options.cancellation}));
  TagEvaluation result{.sentences = std::ssize(words.sentences), .max_tokens = parts.model->config.max_position_embeddings};
  const LabelledTexts texts = tokenize_tagged_words(words, parts.model->labels, parts.tokenizer, result.max_tokens);
  const Stopwatch watch;
  const TagScores scores = tag_scores(parts.model->network, texts, parts.model->labels,
                                      {.dtype = activation_type(*parts.model), .cancellation = options.cancellation});
  result.loss = scores.loss();
  result.scores = scores.entity_scores();
  result.left_out = -scores.words;
  for (const TaggedWords::Sentence& sentence : words.sentences) result.left_out += std::ssize(sentence.words);
  result.seconds = watch.seconds();
  return result;
}

ChoiceEvaluation evaluate_choices(const std::filesystem::path& directory, const TextFiles& files, const ChoiceEvaluationOptions& options) {
  const ModelParts parts = open_head(directory, options.dtype, {Head::multiple_choice}, "scores no choices");
  const ChoiceLines lines = read_choice_lines(TextSource::open(files, {.cancellation = options.cancellation}));
  ChoiceEvaluation result{.max_tokens = parts.model->config.max_position_embeddings};
  const ChoiceTexts texts(lines, parts.tokenizer, result.max_tokens);
  const Stopwatch watch;
  const ChoiceAccuracy found =
      choice_accuracy(parts.model->network, texts, {.dtype = activation_type(*parts.model), .cancellation = options.cancellation});
  result.loss = found.loss();
  result.accuracy = found.accuracy();
  result.right = found.right;
  result.questions = found.questions;
  result.cut = texts.cut();
  result.seconds = watch.seconds();
  return result;
}

}  // namespace qkv
