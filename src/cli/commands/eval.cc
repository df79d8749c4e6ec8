// qkv eval: BLEU, chrF and exact matches of a model's translations, or of a file of translations; loss of a language model on a text;
// accuracy of a classifier.
#include <nlohmann/json.hpp>

#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/timing.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/commands/decoding_options.h"
#include "cli/commands/eval_classification.h"
#include "cli/commands/eval_text.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "evaluate/scores.h"

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
  double seconds = 0;  // of translating; 0 where they were read
};

Hypotheses translate_source(const EvalArguments& arguments, const std::vector<std::string>& source) {
  catch_interrupts();
  const std::unique_ptr<Model> model = load_model(arguments.model, arguments.options.dtype);
  const Tokenizer tokenizer = Tokenizer::load(arguments.model);
  const TranslateOptions options = interruptible_options(arguments.options, *model);
  const Stopwatch watch;
  std::vector<Translation> translations = translate(model->network, tokenizer, source, options);
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

void run_eval(const EvalArguments& arguments) {
  check_arguments(arguments);
  if (!arguments.output.empty()) check_can_write(arguments.output);
  if (!arguments.text.empty()) {
    return eval_text(
        {arguments.model, arguments.text, arguments.document_separator, arguments.context, arguments.options.dtype, arguments.json});
  }
  if (!arguments.classification.empty())
    return eval_classification(arguments.model, arguments.classification, arguments.options.dtype, arguments.json);
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

  const Scores scores = score_corpus(hypotheses.lines, references);
  const bool has_bleu = bleu_is_defined(references);
  const size_t exact = exact_matches(hypotheses.lines, references);
  const double exact_match = 100.0 * static_cast<double>(exact) / static_cast<double>(references.size());
  if (arguments.json) {
    nlohmann::ordered_json result{{"bleu", has_bleu ? nlohmann::ordered_json(scores.bleu) : nullptr},
                                  {"chrf", scores.chrf},
                                  {"signature", scores.signature},
                                  {"exact_match", exact_match},
                                  {"lines", references.size()}};
    if (hypotheses.seconds > 0) result["seconds"] = hypotheses.seconds;
    print("{}\n", result.dump());
  } else {
    const std::string bleu = has_bleu ? fmt::format("{:.2f}", scores.bleu) : "undefined (no reference has four words)";
    print("BLEU {}  chrF2 {:.2f}  exact match {:.2f} % ({} of {} lines)\n{}\n", bleu, scores.chrf, exact_match, exact, references.size(),
          scores.signature);
  }
}

}  // namespace

void add_eval_command(CLI::App& app) {
  CLI::App* command =
      app.add_subcommand("eval", "Score a model or a file of translations with BLEU and chrF, a language model on a text, or a classifier");
  auto arguments = std::make_shared<EvalArguments>();
  command
      ->add_option("--model", arguments->model,
                   "Model directory whose translations of --source, predictions of --text, or labels are scored")
      ->type_name("DIR");
  command->add_option("--source", arguments->source, "Lines to translate")->type_name("FILE");
  command->add_option("--hypothesis", arguments->hypothesis, "Translations to score, instead of --model and --source")->type_name("FILE");
  command->add_option("--reference", arguments->reference, "The right translations, line by line")->type_name("FILE");
  command->add_option("--output", arguments->output, "Keep the model's translations in FILE")->type_name("FILE");
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
