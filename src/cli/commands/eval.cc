// qkv eval: BLEU, chrF and exact matches of translations made by a model or read from a file; loss of a language model on a text; accuracy
// of a classifier.
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/log.h"
#include "base/timing.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/letters.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "qkv/evaluator.h"
#include "qkv/translator.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

struct EvalArguments {
  std::string model, source, reference, hypothesis, output;
  TranslatorOptions options;
  bool json = false;
  std::string text, document_separator, classification;
  int64_t context = 0;
};

std::vector<std::string> read_text(const std::string& path) {
  std::vector<std::string> lines = read_lines(path);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_valid_utf8(lines[i])) fail(ErrorCode::bad_input, "{}: line {} is not valid UTF-8; convert it with iconv", path, i + 1);
  }
  return lines;
}

void check_same_length(const std::string& path, size_t lines, const std::string& other_path, size_t other_lines) {
  if (lines != other_lines) {
    fail(ErrorCode::bad_input, "{} has {} lines, {} has {}; line for line they must belong together", path, lines, other_path, other_lines);
  }
}

struct Hypotheses {
  std::vector<std::string> lines;
  double seconds = 0;  // translation time; 0 if the translations were read from a file
};

Hypotheses translate_source(const EvalArguments& arguments, const std::vector<std::string>& source) {
  catch_interrupts();
  const Translator translator = Translator::open(arguments.model, arguments.options);
  const Stopwatch watch;
  std::vector<Translation> translations = translator.translate(source, {.cancellation = program_cancellation()});
  Hypotheses hypotheses;
  hypotheses.seconds = watch.seconds();
  std::string text;
  for (Translation& translation : translations) {
    hypotheses.lines.push_back(on_one_line(std::move(translation.candidates.front().text)));
    text += hypotheses.lines.back() + '\n';
  }
  if (!arguments.output.empty()) write_file_atomically(arguments.output, text);
  log_info("translated {} lines in {:.2f} s, {:.1f} lines/s", source.size(), hypotheses.seconds,
           static_cast<double>(source.size()) / hypotheses.seconds);
  return hypotheses;
}

void eval_classification(const EvalArguments& arguments) {
  catch_interrupts();
  const ClassificationEvaluation result = evaluate_classification(
      arguments.model, arguments.classification, {.dtype = arguments.options.dtype, .cancellation = program_cancellation()});
  if (result.cut > 0)
    log_warning("{}: {} texts are cut to the {} tokens that the model takes", arguments.classification, result.cut, result.max_tokens);
  if (arguments.json) {
    print("{}\n", nlohmann::ordered_json{{"loss", result.loss},
                                         {"accuracy", result.accuracy},
                                         {"right", result.right},
                                         {"texts", result.texts},
                                         {"seconds", result.seconds}}
                      .dump());
  } else {
    print("loss {:.4f}  accuracy {:.2f} % ({} of {} texts)\n", result.loss, 100 * result.accuracy, result.right, result.texts);
  }
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
  const TextEvaluation result = evaluate_text(arguments.model, arguments.text,
                                              {.document_separator = unescape(arguments.document_separator, "--document-separator"),
                                               .context = arguments.context,
                                               .dtype = arguments.options.dtype,
                                               .cancellation = program_cancellation()});
  if (result.unknown_tokens > 0) {
    log_warning("{}: {} tokens are unknown to the tokenizer; they {}", arguments.text, result.unknown_tokens,
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

void check_arguments(const EvalArguments& arguments) {
  const bool translations =
      !arguments.source.empty() || !arguments.reference.empty() || !arguments.hypothesis.empty() || !arguments.output.empty();
  if (!arguments.text.empty()) {
    if (arguments.model.empty()) fail(ErrorCode::invalid_argument, "--text is scored by a language model; name it with --model");
    if (translations || !arguments.classification.empty())
      fail(ErrorCode::invalid_argument,
           "--text is for a language model; --source, --reference, --hypothesis and --output are for translations, --classification for a "
           "classifier");
    return;
  }
  if (arguments.context > 0 || !arguments.document_separator.empty())
    fail(ErrorCode::invalid_argument, "--context and --document-separator go with --text");
  if (!arguments.classification.empty()) {
    if (arguments.model.empty()) fail(ErrorCode::invalid_argument, "--classification is for a classifier; name it with --model");
    if (translations)
      fail(ErrorCode::invalid_argument,
           "--classification is for a classifier; --source, --reference, --hypothesis and --output are for translations");
    return;
  }
  if (arguments.reference.empty()) {
    fail(ErrorCode::invalid_argument,
         "eval needs --reference to score translations, --text to score a language model, or --classification to score a classifier");
  }
  const bool from_file = !arguments.hypothesis.empty(), from_model = !arguments.model.empty() || !arguments.source.empty();
  if (from_file == from_model || (from_model && (arguments.model.empty() || arguments.source.empty()))) {
    fail(ErrorCode::invalid_argument, "eval scores either --hypothesis FILE or the translations of --source FILE with --model DIR");
  }
  if (from_file && !arguments.output.empty())
    fail(ErrorCode::invalid_argument, "--output keeps the translations of --model; with --hypothesis there are none");
}

void print_scores(const TranslationScores& scores, double seconds, bool as_json) {
  if (as_json) {
    nlohmann::ordered_json result{{"bleu", scores.bleu ? nlohmann::ordered_json(*scores.bleu) : nullptr},
                                  {"chrf", scores.chrf},
                                  {"signature", scores.signature},
                                  {"exact_match", scores.exact_match()},
                                  {"lines", scores.lines}};
    if (seconds > 0) result["seconds"] = seconds;
    print("{}\n", result.dump());
  } else {
    const std::string bleu = scores.bleu ? fmt::format("{:.2f}", *scores.bleu) : "undefined (no reference has four words)";
    print("BLEU {}  chrF2 {:.2f}  exact match {:.2f} % ({} of {} lines)\n{}\n", bleu, scores.chrf, scores.exact_match(),
          scores.exact_matches, scores.lines, scores.signature);
  }
}

void run_eval(const EvalArguments& arguments) {
  check_arguments(arguments);
  if (!arguments.output.empty()) check_can_write(arguments.output);
  if (!arguments.text.empty()) return eval_text(arguments);
  if (!arguments.classification.empty()) return eval_classification(arguments);
  const std::vector<std::string> references = read_text(arguments.reference);
  Hypotheses hypotheses;
  if (arguments.hypothesis.empty()) {
    const std::vector<std::string> source = read_lines(arguments.source);
    check_same_length(arguments.source, source.size(), arguments.reference, references.size());
    hypotheses = translate_source(arguments, source);
  } else {
    hypotheses.lines = read_text(arguments.hypothesis);
    check_same_length(arguments.hypothesis, hypotheses.lines.size(), arguments.reference, references.size());
  }
  if (references.empty()) fail(ErrorCode::bad_input, "{} is empty; there is nothing to score", arguments.reference);
  print_scores(score_translations(hypotheses.lines, references), hypotheses.seconds, arguments.json);
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("eval", "Score a model or a file of translations with BLEU and chrF, a language model on a text, or a classifier");
  auto arguments = std::make_shared<EvalArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory whose translations of --source, predictions of --text, or labels are scored")
      ->type_name("DIR");
  command->add_option("--source", arguments->source, "Lines to translate")->type_name("FILE");
  command->add_option("--hypothesis", arguments->hypothesis, "Translations to score, instead of --model and --source")->type_name("FILE");
  command->add_option("--reference", arguments->reference, "The right translations, line by line")->type_name("FILE");
  command->add_option(with_letter("--output"), arguments->output, "Keep the model's translations in FILE")->type_name("FILE");
  command->add_flag("--json", arguments->json,
                    "Print one line of JSON: bleu, chrf, signature, exact_match, lines; with --text loss, perplexity, bits_per_byte "
                    "(masked_bits_per_byte), tokens, bytes; with --classification loss, accuracy, right, texts");
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
  add_decoding_options(*command, arguments->options);
  command->footer(
      "BLEU is sacreBLEU's default (its signature is printed), chrF2 likewise; exact match is the share of lines that equal the "
      "reference.\n"
      "With --text: loss is the mean of -log p (nats per token) over all windows of --context tokens that follow each other, perplexity "
      "its\n"
      "exponential; bits per byte are comparable between tokenizers. Of a masked language model the loss is that of the tokens which "
      "training\n"
      "would hide (the same ones each time), masked bits per byte are those of whole words, for each byte of these.");
  command->callback([arguments] { run_eval(*arguments); });
}

}  // namespace qkv
