// qkv eval: scores of a model's translations, or of files of translations; loss of a language model on a text; scores of labels.
#include <algorithm>

#include "base/files.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/commands/eval/eval_labels.h"
#include "cli/commands/eval/eval_lines.h"
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
  const TextEvaluation result = evaluate_text(arguments.model, TextFiles(arguments.text.begin(), arguments.text.end()),
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

// Refuses what belongs to lines and their references beside --text, --classification, --tags and --choices.
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
         "eval needs --reference to score translations, --text to score a language model, --classification to score a classifier, "
         "--tags to score labels of words, or --choices to score a model for multiple choice");
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

// The modes that score something else than translations.
struct Mode {
  const char *option, *kind;
  bool given;
};

void check_arguments(const EvalArguments& arguments) {
  const Mode modes[] = {{"--text", "language model", !arguments.text.empty()},
                        {"--classification", "classifier", !arguments.classification.empty()},
                        {"--tags", "model that labels words", !arguments.tags.empty()},
                        {"--choices", "model for multiple choice", !arguments.choices.empty()}};
  if (arguments.classification.empty()) {
    if (!arguments.label_column.empty()) fail(ErrorCode::invalid_argument, "--label-column goes with --classification");
    if (arguments.pairs) fail(ErrorCode::invalid_argument, "--pairs goes with --classification");
    if (!arguments.text_column.empty() && arguments.text.empty())
      fail(ErrorCode::invalid_argument, "--text-column goes with --text or --classification");
  }
  if (!arguments.second_column.empty() && !arguments.pairs) fail(ErrorCode::invalid_argument, "--second-column goes with --pairs");
  if (arguments.text.empty() && (arguments.context > 0 || !arguments.document_separator.empty()))
    fail(ErrorCode::invalid_argument, "--context and --document-separator go with --text");
  const Mode* chosen = nullptr;
  for (const Mode& mode : modes) {
    if (!mode.given) continue;
    if (chosen) {
      fail(ErrorCode::invalid_argument, "{} is for a {}, {} for a {}; name one of them", chosen->option, chosen->kind, mode.option,
           mode.kind);
    }
    chosen = &mode;
  }
  if (!chosen) return check_lines(arguments);
  if (arguments.model.empty()) fail(ErrorCode::invalid_argument, "{} is for a {}; name it with --model", chosen->option, chosen->kind);
  refuse_scoring_of_lines(arguments, chosen->option, chosen->kind);
}

void run_eval(EvalArguments& arguments) {
  check_arguments(arguments);
  if (!arguments.output.empty() && is_first_process()) check_can_write(arguments.output);
  if (!arguments.text.empty()) return eval_text(arguments);
  if (!arguments.classification.empty()) return eval_classification(arguments);
  if (!arguments.tags.empty()) return eval_tags(arguments);
  if (!arguments.choices.empty()) return eval_choices(arguments);
  if (!arguments.compared.empty()) return compare_lines(arguments);
  eval_lines(arguments);
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("eval", "Score a model or files of translations, a language model on a text, or labels of texts or words");
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
      "accuracy, macro_f1, micro_f1, matthews, labels, confusion, or exact_match of several labels, or mean_squared_error, pearson, "
      "spearman of numbers; with --tags loss, accuracy, precision, recall, f1, macro_f1, entities; with --choices loss, accuracy");
  command->add_option("--text", arguments->text, "Text for a language model to predict, or to find the hidden tokens of")
      ->type_name("FILE");
  command
      ->add_option("--context", arguments->context, "Tokens of --text that the model sees at once (default: its positions, at most 2048)")
      ->check(at_least(arguments->context, 1))
      ->type_name("N");
  command->add_option("--document-separator", arguments->document_separator, "Cuts --text into documents as in qkv train")
      ->type_name("TEXT");
  command
      ->add_option("--classification", arguments->classification,
                   "Lines of a text, a tab and its label (labels with commas between them, or a number, as the "
                   "model gives them)")
      ->type_name("FILE");
  command->add_option("--tags", arguments->tags, "A word and, in the last column, its label in each line; blank lines between sentences")
      ->type_name("FILE");
  command
      ->add_option("--choices", arguments->choices,
                   "Lines of a text, its choices and the number of the right one, from 1 on, with tabs between them, for a model for "
                   "multiple choice")
      ->type_name("FILE");
  command->add_flag("--pairs", arguments->pairs, "Lines of --classification are two texts and the label, with tabs between them");
  command
      ->add_option("--text-column", arguments->text_column,
                   "Read the texts of --text or --classification from this column of CSV, TSV or JSON lines")
      ->type_name("NAME");
  command->add_option("--label-column", arguments->label_column, "Read the labels of --classification from this column")->type_name("NAME");
  command->add_option("--second-column", arguments->second_column, "With --pairs, read the second texts from this column")
      ->type_name("NAME");
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
      "would hide (the same ones each time), masked bits per byte are those of whole words, for each byte of these.\n"
      "With --classification and --tags scores are scikit-learn's, scipy's and, of entities, seqeval's; a word has the label of its first "
      "token.");
  command->callback([arguments] { run_shared([&] { run_eval(*arguments); }); });
}

}  // namespace qkv
