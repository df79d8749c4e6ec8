// qkv translate: one line in, one line out.
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/interrupt.h"
#include "cli/commands.h"
#include "cli/commands/decoding_options.h"
#include "cli/line_reader.h"
#include "cli/numbers.h"
#include "cli/output.h"

namespace qkv {
namespace {

struct TranslateArguments {
  std::string model;
  TranslatorOptions options;
  bool scores = false, token_scores = false;
};

void print_candidate(const Translation::Candidate& candidate, const TranslateArguments& arguments) {
  if (arguments.scores) print("{:.6f}\t", candidate.score);
  write_stdout(on_one_line(candidate.text));
  if (arguments.token_scores) {
    for (size_t i = 0; i < candidate.tokens.size(); ++i) {
      print("{}{}:{:.6f}", i == 0 ? '\t' : ' ', on_one_line(candidate.tokens[i]), candidate.token_scores[i]);
    }
  }
  write_stdout("\n");
}

void print_translations(const std::vector<Translation>& translations, const TranslateArguments& arguments) {
  for (const Translation& translation : translations) {
    for (int rank = 0; rank < arguments.options.n_best; ++rank) {
      const bool exists = rank < static_cast<int>(translation.candidates.size());
      print_candidate(exists ? translation.candidates[rank] : Translation::Candidate{}, arguments);
    }
  }
  flush_stdout();
}

// All else is translated by then.
void fail_of_long_lines(const std::vector<LongText>& too_long, int most) {
  if (too_long.empty()) return;
  if (too_long.size() == 1) {
    fail(ErrorCode::bad_input,
         "line {} has {} tokens and the model takes {}; it stays empty in the output: split it, or let --truncate cut it", too_long[0].line,
         too_long[0].tokens, most);
  }
  std::vector<int64_t> lines;
  for (const LongText& each : too_long) lines.push_back(each.line);
  fail(ErrorCode::bad_input,
       "{} have more than the {} tokens that the model takes; they stay empty in the output: split them, or let --truncate "
       "cut them",
       list_lines(lines), most);
}

void run_translate(const TranslateArguments& arguments) {
  constexpr size_t kFirstLines = 256, kMostLines = 4096;  // sorted by length together; few at first, so that output starts early
  catch_interrupts();
  const std::unique_ptr<Model> model = load_model(arguments.model, arguments.options.dtype);
  const Tokenizer tokenizer = Tokenizer::load(arguments.model);
  TranslateOptions options = interruptible_options(arguments.options, *model);
  std::vector<LongText> too_long;
  options.too_long = &too_long;
  LineReader reader(STDIN_FILENO, "standard input");
  for (size_t max_lines = kFirstLines;; max_lines = std::min(2 * max_lines, kMostLines)) {
    const std::vector<std::string> lines = reader.next(max_lines);
    if (lines.empty()) break;
    options.first_line = reader.first_line();
    print_translations(translate(model->network, tokenizer, lines, options), arguments);
  }
  fail_of_long_lines(too_long, model->config.max_position_embeddings);
}

}  // namespace

void add_translate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("translate", "Translate lines of text from stdin to stdout");
  auto arguments = std::make_shared<TranslateArguments>();
  command->add_option("--model", arguments->model, "Model directory: config.json, model.safetensors, tokenizer.json")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--n-best", arguments->options.n_best,
                   "Print the N best translations of each line, best first, each on a line of its own")
      ->check(between(1, 1000))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--scores", arguments->scores, "Print a translation's score and a tab before it");
  command->add_flag("--token-scores", arguments->token_scores,
                    "Print a tab and token:score pairs, separated by spaces, after a translation");
  add_decoding_options(*command, arguments->options);
  command->footer(
      "One line in, one line out (with --n-best N: N lines), in the order of the input; an empty line stays empty. Lines are answered at "
      "once\n"
      "when they come one by one, and computed in batches when many are waiting. The score of a translation is (sum of log p) / "
      "length^penalty\n"
      "with beams and the sum of log p without, as in transformers; a token's score is its log p.\n"
      "Example: qkv translate --model my-model --beam-size 4 --n-best 2 --scores < test.en > test.de");
  command->callback([arguments] { run_translate(*arguments); });
}

}  // namespace qkv
