#include "cli/commands/eval/eval_labels.h"

#include <algorithm>

#include "base/log.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/output.h"
#include "cli/program.h"
#include "formats/json.h"

namespace qkv {
namespace {

using Label = LabelScores::Label;

// `count`: the name of Label::texts.
nlohmann::ordered_json labels_json(std::span<const Label> labels, const char* count) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Label& label : labels) {
    list.push_back({{"name", replace_invalid_utf8(label.name)},
                    {count, label.texts},
                    {"predicted", label.predicted},
                    {"precision", label.precision()},
                    {"recall", label.recall()},
                    {"f1", label.f1()}});
  }
  return list;
}

nlohmann::ordered_json correlation_json(const std::optional<double>& value) {
  return value ? nlohmann::ordered_json(*value) : nlohmann::ordered_json();
}

nlohmann::ordered_json classification_json(const ClassificationEvaluation& result) {
  nlohmann::ordered_json json{{"loss", result.loss}};
  if (result.numbers) {
    json["mean_squared_error"] = result.numbers->mean_squared_error;
    json["pearson"] = correlation_json(result.numbers->pearson);
    json["spearman"] = correlation_json(result.numbers->spearman);
    json["texts"] = result.texts;
  } else if (result.label_sets) {
    json.update({{"exact_match", result.label_sets->exact_match},
                 {"macro_f1", result.label_sets->macro_f1},
                 {"micro_f1", result.label_sets->micro_f1},
                 {"right", result.right},
                 {"texts", result.texts},
                 {"labels", labels_json(result.label_sets->labels, "texts")}});
  } else {
    json.update({{"accuracy", result.accuracy},
                 {"macro_f1", result.labels.macro_f1},
                 {"micro_f1", result.labels.micro_f1},
                 {"matthews", result.labels.matthews},
                 {"right", result.right},
                 {"texts", result.texts},
                 {"labels", labels_json(result.labels.labels, "texts")},
                 {"confusion", result.labels.confusion}});
  }
  json["seconds"] = result.seconds;
  return json;
}

// A line per label: its scores, and how often its texts were given each label unless `confusion` is empty.
void print_labels(std::span<const Label> labels, const char* count, const std::vector<std::vector<int64_t>>& confusion = {}) {
  constexpr size_t kMostColumns = 12;
  const bool columns = !confusion.empty() && labels.size() <= kMostColumns;
  size_t width = 6;
  for (const Label& label : labels) width = std::max(width, label.name.size());
  print("{:<{}}  {:>8}  {:>9}  {:>7}  {:>7}{}\n", "label", width, count, "precision", "recall", "F1",
        columns ? "  predicted, in the order of the lines" : "");
  for (size_t i = 0; i < labels.size(); ++i) {
    const Label& label = labels[i];
    print("{:<{}}  {:>8}  {:>9.4f}  {:>7.4f}  {:>7.4f}", label.name, width, label.texts, label.precision(), label.recall(), label.f1());
    for (size_t j = 0; columns && j < labels.size(); ++j) print("  {:>5}", confusion[i][j]);
    print("\n");
  }
}

std::string correlation_text(const std::optional<double>& value) { return value ? fmt::format("{:.4f}", *value) : "undefined"; }

void print_classification(const ClassificationEvaluation& result) {
  if (result.numbers) {
    return print("mean squared error {:.4f}  Pearson {}  Spearman {}  ({} texts)\n", result.numbers->mean_squared_error,
                 correlation_text(result.numbers->pearson), correlation_text(result.numbers->spearman), result.texts);
  }
  if (result.label_sets) {
    print("loss {:.4f}  exact match {:.2f} % ({} of {} texts)\n", result.loss, 100 * result.accuracy, result.right, result.texts);
    print("F1 macro {:.4f}  micro {:.4f}\n", result.label_sets->macro_f1, result.label_sets->micro_f1);
    return print_labels(result.label_sets->labels, "texts");
  }
  print("loss {:.4f}  accuracy {:.2f} % ({} of {} texts)\n", result.loss, 100 * result.accuracy, result.right, result.texts);
  print("F1 macro {:.4f}  micro {:.4f}  Matthews correlation {:.4f}\n", result.labels.macro_f1, result.labels.micro_f1,
        result.labels.matthews);
  print_labels(result.labels.labels, "texts", result.labels.confusion);
}

void print_tags_json(const TagEvaluation& result) {
  const EntityScores& scores = result.scores;
  print("{}\n", nlohmann::ordered_json{{"loss", result.loss},
                                       {"accuracy", scores.accuracy()},
                                       {"precision", scores.precision},
                                       {"recall", scores.recall},
                                       {"f1", scores.f1},
                                       {"macro_f1", scores.macro_f1},
                                       {"right", scores.right},
                                       {"words", scores.words},
                                       {"left_out", result.left_out},
                                       {"sentences", result.sentences},
                                       {"entities", labels_json(scores.entities, "entities")},
                                       {"seconds", result.seconds}}
                    .dump());
}

}  // namespace

void eval_classification(const EvalArguments& arguments) {
  catch_interrupts();
  ProgressLine line;
  line.begin(fmt::format("labelling {}", fmt::join(arguments.classification, ", ")));
  const ClassificationEvaluation result =
      evaluate_classification(arguments.model, TextFiles(arguments.classification.begin(), arguments.classification.end()),
                              {.text_column = arguments.text_column,
                               .label_column = arguments.label_column,
                               .pairs = arguments.pairs,
                               .second_column = arguments.second_column,
                               .dtype = arguments.options.dtype,
                               .cancellation = program_cancellation()});
  if (result.cut > 0)
    log_warning("{}: {} texts are cut to the {} tokens that the model takes", fmt::join(arguments.classification, ", "), result.cut,
                result.max_tokens);
  if (arguments.json) return print("{}\n", classification_json(result).dump());
  print_classification(result);
}

void eval_tags(const EvalArguments& arguments) {
  catch_interrupts();
  ProgressLine line;
  line.begin(fmt::format("labelling {}", fmt::join(arguments.tags, ", ")));
  const TagEvaluation result = evaluate_tags(arguments.model, TextFiles(arguments.tags.begin(), arguments.tags.end()),
                                             {.dtype = arguments.options.dtype, .cancellation = program_cancellation()});
  if (result.left_out > 0)
    log_warning("{}: {} words are not scored, as they are behind the {} tokens that the model takes, or have no token",
                fmt::join(arguments.tags, ", "), result.left_out, result.max_tokens);
  if (arguments.json) return print_tags_json(result);
  const EntityScores& scores = result.scores;
  print("loss {:.4f}  accuracy {:.2f} % ({} of {} words)\n", result.loss, 100 * scores.accuracy(), scores.right, scores.words);
  print("entities: precision {:.4f}  recall {:.4f}  F1 {:.4f}  macro F1 {:.4f}\n", scores.precision, scores.recall, scores.f1,
        scores.macro_f1);
  print_labels(scores.entities, "entities");
}

void eval_choices(const EvalArguments& arguments) {
  catch_interrupts();
  ProgressLine line;
  line.begin(fmt::format("choosing in {}", fmt::join(arguments.choices, ", ")));
  const ChoiceEvaluation result = evaluate_choices(arguments.model, TextFiles(arguments.choices.begin(), arguments.choices.end()),
                                                   {.dtype = arguments.options.dtype, .cancellation = program_cancellation()});
  if (result.cut > 0)
    log_warning("{}: {} questions have choices that are cut to the {} tokens that the model takes", fmt::join(arguments.choices, ", "),
                result.cut, result.max_tokens);
  if (arguments.json) {
    return print("{}\n", nlohmann::ordered_json{{"loss", result.loss},
                                                {"accuracy", result.accuracy},
                                                {"right", result.right},
                                                {"questions", result.questions},
                                                {"seconds", result.seconds}}
                             .dump());
  }
  print("loss {:.4f}  accuracy {:.2f} % ({} of {} questions)\n", result.loss, 100 * result.accuracy, result.right, result.questions);
}

}  // namespace qkv
