// qkv eval: scores of a model's translations, or of files of translations; loss of a language model on a text; scores of a classifier.
#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/commands/eval_lines.h"
#include "cli/letters.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/sharing.h"
#include "cli/table_options.h"
#include "evaluate/option_table.h"
#include "formats/json.h"
#include "qkv/evaluator.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

TextFiles files_of(const std::vector<std::string>& names) { return TextFiles(names.begin(), names.end()); }

nlohmann::ordered_json classification_json(const ClassificationEvaluation& result) {
  nlohmann::ordered_json labels = nlohmann::ordered_json::array();
  for (const LabelScores::Label& label : result.labels.labels) {
    labels.push_back({{"name", label.name},
                      {"texts", label.texts},
                      {"predicted", label.predicted},
                      {"precision", label.precision()},
                      {"recall", label.recall()},
                      {"f1", label.f1()}});
  }
  return {{"loss", result.loss},
          {"accuracy", result.accuracy},
          {"macro_f1", result.labels.macro_f1},
          {"micro_f1", result.labels.micro_f1},
          {"matthews", result.labels.matthews},
          {"right", result.right},
          {"texts", result.texts},
          {"labels", labels},
          {"confusion", result.labels.confusion},
          {"seconds", result.seconds}};
}

// A line per label: its scores, and how often its texts were given each label.
void print_labels(const LabelScores& scores) {
  constexpr size_t kMostColumns = 12;
  const bool confusion = scores.labels.size() <= kMostColumns;
  size_t width = 5;
  for (const LabelScores::Label& label : scores.labels) width = std::max(width, label.name.size());
  print("{:<{}}  {:>7}  {:>9}  {:>7}  {:>7}{}\n", "label", width, "texts", "precision", "recall", "F1",
        confusion ? "  predicted, in the order of the lines" : "");
  for (size_t i = 0; i < scores.labels.size(); ++i) {
    const LabelScores::Label& label = scores.labels[i];
    print("{:<{}}  {:>7}  {:>9.4f}  {:>7.4f}  {:>7.4f}", label.name, width, label.texts, label.precision(), label.recall(), label.f1());
    for (size_t j = 0; confusion && j < scores.labels.size(); ++j) print("  {:>5}", scores.confusion[i][j]);
    print("\n");
  }
}

void eval_classification(const EvalArguments& arguments) {
  catch_interrupts();
  ProgressLine line;
  line.begin(fmt::format("labelling {}", fmt::join(arguments.classification, ", ")));
  const ClassificationEvaluation result = evaluate_classification(arguments.model, files_of(arguments.classification),
                                                                  {.text_column = arguments.text_column,
                                                                   .label_column = arguments.label_column,
                                                                   .dtype = arguments.options.dtype,
                                                                   .cancellation = program_cancellation()});
  if (result.cut > 0)
    log_warning("{}: {} texts are cut to the {} tokens that the model takes", fmt::join(arguments.classification, ", "), result.cut,
                result.max_tokens);
  if (arguments.json) return print("{}\n", classification_json(result).dump());
  print("loss {:.4f}  accuracy {:.2f} % ({} of {} texts)\n", result.loss, 100 * result.accuracy, result.right, result.texts);
  print("F1 macro {:.4f}  micro {:.4f}  Matthews correlation {:.4f}\n", result.labels.macro_f1, result.labels.micro_f1,
        result.labels.matthews);
  print_labels(result.labels);
}

void print_text_json(const TextEvaluation& result) {
  nlohmann::ordered_json json{{"loss", result.loss}, {"perplexity", result.perplexity}};
  if (result.bits_per_byte) json["bits_per_byte"] = *result.bits_per_byte;
  if (result.masked_bits_per_byte) json["masked_bits_per_byte"] = *result.masked_bits_per_byte;
  json["tokens"] = result.tokens;
  json["bytes"] = result.bytes;
  if (!result.masked) json["unknown_tokens"] = result.unknown_tokens;
  json["context"] = result.context;
  json["seconds"] = result.seconds;
  print("{}\n", json.dump());
}

void eval_text(const EvalArguments& arguments) {
  catch_interrupts();
  ProgressLine line;
  line.begin(fmt::format("predicting {}", fmt::join(arguments.text, ", ")));
  const TextEvaluation result = evaluate_text(arguments.model, files_of(arguments.text),
                                              {.document_separator = unescape(arguments.document_separator, "--document-separator"),
                                               .text_column = arguments.text_column,
                                               .context = arguments.context,
                                               .dtype = arguments.options.dtype,
                                               .cancellation = program_cancellation()});
  if (result.unknown_tokens > 0) {
    log_warning("{}: {} tokens are unknown to the tokenizer; they {}", fmt::join(arguments.text, ", "), result.unknown_tokens,
                result.masked ? "are never hidden" : "count as one token " + result.unknown_token);
  }
  if (arguments.json) return print_text_json(result);
  if (result.masked) {
    print("loss {:.4f}  perplexity {:.4f}  masked bits per byte {:.4f}  ({} hidden tokens, {} bytes of hidden words, windows of {})\n",
          result.loss, result.perplexity, *result.masked_bits_per_byte, result.tokens, result.bytes, result.context);
  } else {
    print("loss {:.4f}  perplexity {:.4f}  bits per byte {:.4f}  ({} tokens of {} bytes, windows of {})\n", result.loss, result.perplexity,
          *result.bits_per_byte, result.tokens, result.bytes, result.context);
  }
}

// The first option of scoring lines that has another value than its default, with its dashes; empty: there is none.
std::string given_scoring_option(const EvalArguments& arguments) {
  const auto first = [](auto table, const auto& options) -> std::string {
    for (const auto& entry : table) {
      if (entry.get(options) != entry.default_value) return "--" + entry.name;
    }
    return "";
  };
  const std::string name = first(scoring_option_table(), arguments.comparison.scoring);
  return !name.empty() ? name : first(comparison_option_table(), arguments.comparison);
}

// Refuses what belongs to lines and their references beside --text and --classification.
void refuse_scoring_of_lines(const EvalArguments& arguments, std::string_view mode, std::string_view kind) {
  if (!arguments.source.empty() || !arguments.references.empty() || !arguments.hypothesis.empty() || !arguments.output.empty() ||
      !arguments.compared.empty() || !arguments.tokenizer.empty()) {
    fail(ErrorCode::invalid_argument,
         "{} is for a {}; --source, --reference, --hypothesis, --output, --compare and --tokenizer are for translations", mode, kind);
  }
  refuse_decoding_options(arguments, mode, "dtype");
  if (const std::string name = given_scoring_option(arguments); !name.empty())
    fail(ErrorCode::invalid_argument, "{} scores translations; {} is for a {}", name, mode, kind);
}

void check_comparison(const EvalArguments& arguments) {
  if (arguments.compared.size() < 2)
    fail(ErrorCode::invalid_argument, "--compare needs two systems or more, the baseline first; there is only {}",
         arguments.compared.front());
  if (!arguments.hypothesis.empty() || !arguments.model.empty() || !arguments.output.empty())
    fail(ErrorCode::invalid_argument, "--compare names all systems itself; --hypothesis, --model and --output score one");
}

void check_lines(const EvalArguments& arguments) {
  if (arguments.references.empty()) {
    fail(ErrorCode::invalid_argument,
         "eval needs --reference to score translations, --text to score a language model, or --classification to score a classifier");
  }
  if (!arguments.tokenizer.empty() && !arguments.comparison.scoring.token_error_rate)
    fail(ErrorCode::invalid_argument, "--tokenizer goes with --token-error-rate");
  if (!arguments.compared.empty()) return check_comparison(arguments);
  const ComparisonOptions defaults;
  if (arguments.comparison.resamples != defaults.resamples || arguments.comparison.seed != defaults.seed)
    fail(ErrorCode::invalid_argument, "--resamples and --seed go with --compare");
  const bool from_file = !arguments.hypothesis.empty(), from_model = !arguments.model.empty() || !arguments.source.empty();
  if (from_file == from_model || (from_model && (arguments.model.empty() || arguments.source.empty()))) {
    fail(ErrorCode::invalid_argument,
         "eval scores either --hypothesis FILE or the translations of --source FILE with --model DIR, or compares several with --compare");
  }
  if (from_file) refuse_decoding_options(arguments, "--hypothesis");
  if (from_file && !arguments.output.empty())
    fail(ErrorCode::invalid_argument, "--output keeps the translations of --model; with --hypothesis there are none");
}

void check_arguments(const EvalArguments& arguments) {
  if (!arguments.label_column.empty() && arguments.classification.empty())
    fail(ErrorCode::invalid_argument, "--label-column goes with --classification");
  if (!arguments.text_column.empty() && arguments.classification.empty() && arguments.text.empty())
    fail(ErrorCode::invalid_argument, "--text-column goes with --text or --classification");
  if (!arguments.text.empty()) {
    if (arguments.model.empty()) fail(ErrorCode::invalid_argument, "--text is scored by a language model; name it with --model");
    if (!arguments.classification.empty())
      fail(ErrorCode::invalid_argument, "--text is for a language model, --classification for a classifier");
    return refuse_scoring_of_lines(arguments, "--text", "language model");
  }
  if (arguments.context > 0 || !arguments.document_separator.empty())
    fail(ErrorCode::invalid_argument, "--context and --document-separator go with --text");
  if (!arguments.classification.empty()) {
    if (arguments.model.empty()) fail(ErrorCode::invalid_argument, "--classification is for a classifier; name it with --model");
    return refuse_scoring_of_lines(arguments, "--classification", "classifier");
  }
  check_lines(arguments);
}

void run_eval(EvalArguments& arguments) {
  check_arguments(arguments);
  if (!arguments.output.empty() && is_first_process()) check_can_write(arguments.output);
  if (!arguments.text.empty()) return eval_text(arguments);
  if (!arguments.classification.empty()) return eval_classification(arguments);
  if (!arguments.compared.empty()) return compare_lines(arguments);
  eval_lines(arguments);
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("eval", "Score a model or files of translations, a language model on a text, or a classifier");
  auto arguments = std::make_shared<EvalArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory whose translations of --source, predictions of --text, or labels are scored")
      ->type_name("DIR");
  command->add_option("--source", arguments->source, "Lines to translate")->type_name("FILE");
  command->add_option("--hypothesis", arguments->hypothesis, "Translations to score, instead of --model and --source")->type_name("FILE");
  command->add_option("--reference", arguments->references, "The right translations, line by line; several files: several right ones")
      ->type_name("FILE");
  command
      ->add_option("--compare", arguments->compared,
                   "Compare systems by paired bootstrap resampling, the baseline first: files of translations, or model directories that "
                   "translate --source")
      ->type_name("SYSTEM");
  command->add_option("--tokenizer", arguments->tokenizer, "File or directory of the tokenizer for --token-error-rate")->type_name("PATH");
  command->add_option(with_letter("--output"), arguments->output, "Keep the model's translations in FILE")->type_name("FILE");
  command->add_flag(
      "--json", arguments->json,
      "Print one line of JSON: bleu, chrf, chrf_plus_plus, ter, their signatures, exact_match, lines; with --compare measures; "
      "with --text loss, perplexity, bits_per_byte (masked_bits_per_byte), tokens, bytes; with --classification loss, "
      "accuracy, macro_f1, micro_f1, matthews, labels, confusion");
  command->add_option("--text", arguments->text, "Text for a language model to predict, or to find the hidden tokens of")
      ->type_name("FILE");
  command
      ->add_option("--context", arguments->context, "Tokens of --text that the model sees at once (default: its positions, at most 2048)")
      ->check(at_least(arguments->context, 1))
      ->type_name("N");
  command->add_option("--document-separator", arguments->document_separator, "Cuts --text into documents as in qkv train")
      ->type_name("TEXT");
  command->add_option("--classification", arguments->classification, "Lines of a text, a tab and its label, for a classifier")
      ->type_name("FILE");
  command
      ->add_option("--text-column", arguments->text_column,
                   "Read the texts of --text or --classification from this column of CSV, TSV with a header or JSON lines")
      ->type_name("NAME");
  command->add_option("--label-column", arguments->label_column, "Read the labels of --classification from this column")->type_name("NAME");
  add_scoring_options(*command, arguments->comparison);
  add_decoding_options(*command, arguments->options);
  command->footer(
      "BLEU is sacreBLEU's default (its signature is printed), chrF2, chrF2++ and TER likewise; exact match is the share of lines that\n"
      "equal a reference. --compare prints each score with the mean and 95 % interval of the resamples, and the p-value of the difference\n"
      "to the baseline, as sacreBLEU's --paired-bs; the lines are drawn by another generator, so that figures differ by chance alone.\n"
      "With --text: loss is the mean of -log p (nats per token) over all windows of --context tokens that follow each other, perplexity "
      "its\n"
      "exponential; bits per byte are comparable between tokenizers. Of a masked language model the loss is that of the tokens which "
      "training\n"
      "would hide (the same ones each time), masked bits per byte are those of whole words, for each byte of these.");
  command->callback([arguments] { run_shared([&] { run_eval(*arguments); }); });
}

}  // namespace qkv
