// qkv translate: translates each input line to an output line.
#include <unistd.h>

#include <algorithm>
#include <span>

#include "base/error.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/letters.h"
#include "cli/line_progress.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/sharing.h"
#include "cli/table_options.h"
#include "decode/translator.h"

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

// Told when it is found, but no more than this often.
constexpr size_t kLongLinesTold = 10;

void warn_of_long_lines(std::span<const std::string> lines, std::span<const Translation> translations, int64_t first_line, int64_t most,
                        std::vector<LongText>& too_long) {
  for (size_t i = 0; i < lines.size(); ++i) {
    if (translations[i].too_long == 0) continue;
    too_long.push_back({first_line + static_cast<int64_t>(i), translations[i].too_long});
    if (too_long.size() > kLongLinesTold) continue;
    log_warning("line {} has {} tokens and the model takes {}; it stays empty in the output", too_long.back().line, too_long.back().tokens,
                most);
  }
}

// Fails after all other lines were translated.
void fail_of_long_lines(const std::vector<LongText>& too_long, int64_t most) {
  if (too_long.empty()) return;
  if (too_long.size() == 1) {
    fail(ErrorCode::bad_input, "line {} is longer than the {} tokens that the model takes; split it, or let --truncate cut it",
         too_long[0].line, most);
  }
  std::vector<int64_t> lines;
  for (const LongText& each : too_long) lines.push_back(each.line);
  fail(ErrorCode::bad_input,
       "{} have more than the {} tokens that the model takes; they stay empty in the output: split them, or let --truncate "
       "cut them",
       list_lines(lines), most);
}

void run_translate(TranslateArguments arguments) {
  constexpr size_t kFirstLines = 256, kMostLines = 4096;  // lines sorted by length together; few at first, so that output starts early
  catch_interrupts();
  arguments.options.skip_too_long = true;
  const Translator translator = Translator::open(arguments.model, arguments.options);
  std::vector<LongText> too_long;
  LineReader reader(STDIN_FILENO, "standard input");
  LineProgress progress("translated", bytes_of_stdin(), is_stdin_typed());
  for (size_t max_lines = kFirstLines;; max_lines = std::min(2 * max_lines, kMostLines)) {
    const std::vector<std::string> lines = share_lines(is_first_process() ? reader.next(max_lines) : std::vector<std::string>());
    if (lines.empty()) break;
    progress.begin(lines);
    const TranslationCall call{.first_line = reader.first_line(), .cancellation = program_cancellation(), .on_progress = [&](int64_t done) {
                                 progress.done(done);
                               }};
    const std::vector<Translation> translations = translate_shared(translator, lines, call);
    warn_of_long_lines(lines, translations, call.first_line, translator.max_source_tokens(), too_long);
    print_translations(translations, arguments);
  }
  fail_of_long_lines(too_long, translator.max_source_tokens());
}

}  // namespace

void add_translate_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("translate", "Translate lines of text from stdin to stdout");
  auto arguments = std::make_shared<TranslateArguments>();
  command->add_option(with_letter("--model"), arguments->model, "Model directory: config.json, model.safetensors, tokenizer.json")
      ->required()
      ->type_name("DIR");
  add_n_best_option(*command, arguments->options);
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
      "Under mpirun or srun, the processes divide the lines among them.\n"
      "Example: qkv translate --model my-model --beam-size 4 --n-best 2 --scores < test.en > test.de");
  command->callback([arguments] { run_shared([&] { run_translate(*arguments); }); });
}

}  // namespace qkv
