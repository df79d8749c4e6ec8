// qkv choose: prints which of several texts goes best with the first text of each input line.
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/answered_lines.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "formats/json.h"
#include "predict/option_table.h"
#include "qkv/chooser.h"

namespace qkv {
namespace {

struct ChooseArguments {
  std::string model;
  InferenceType dtype = InferenceType::f32;
  ChooseOptions options;
  bool all = false, json = false;
};

std::vector<ChoiceQuestion> read_questions(const LineBlock& block) {
  std::vector<ChoiceQuestion> questions;
  for (size_t i = 0; i < block.lines.size(); ++i) {
    const std::string& line = block.lines[i];
    size_t tab = line.find('\t');
    if (tab == std::string::npos || line.find('\t', tab + 1) == std::string::npos) {
      fail(ErrorCode::bad_input, "standard input: line {} has {}; each line must be a text and two choices or more, with tabs between them",
           block.number(i), tab == std::string::npos ? "no tab" : "one choice");
    }
    ChoiceQuestion question{.text = line.substr(0, tab)};
    while (tab != std::string::npos) {
      const size_t next = line.find('\t', tab + 1);
      question.choices.push_back(line.substr(tab + 1, next == std::string::npos ? next : next - tab - 1));
      tab = next;
    }
    questions.push_back(std::move(question));
  }
  return questions;
}

void print_json(int64_t line, const ChoiceScores& found, const ChoiceQuestion& question) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [choice, score] : found.choices)
    list.push_back({{"choice", choice + 1}, {"score", score}, {"text", replace_invalid_utf8(question.choices[choice])}});
  print("{}\n", nlohmann::ordered_json{{"line", line}, {"choices", list}}.dump());
}

void print_choices(const ChoiceScores& found, const ChoiceQuestion& question, bool all) {
  for (size_t i = 0; i < (all ? found.choices.size() : 1); ++i) {
    const auto& [choice, score] = found.choices[i];
    print("{}{}\t{:.6f}\t{}", i > 0 ? "\t" : "", choice + 1, score, replace_invalid_utf8(question.choices[choice]));
  }
  write_stdout("\n");
}

void run_choose(ChooseArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = program_cancellation();
  const Chooser chooser = Chooser::open(arguments.model, arguments.dtype);
  answer_lines("chosen", [&](const LineBlock& block) {
    const std::vector<ChoiceQuestion> questions = read_questions(block);
    const std::vector<ChoiceScores> found = chooser.choose(questions, arguments.options);
    if (const auto cut = std::ranges::count_if(found, &ChoiceScores::cut); cut > 0)
      log_warning("{} lines have choices that are cut to the {} tokens that the model takes", cut, chooser.max_tokens());
    for (size_t i = 0; i < found.size(); ++i)
      arguments.json ? print_json(block.number(i), found[i], questions[i]) : print_choices(found[i], questions[i], arguments.all);
  });
}

}  // namespace

void add_choose_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("choose", "Choose among texts that follow another on lines from stdin");
  auto arguments = std::make_shared<ChooseArguments>();
  command->add_option(with_letter("--model"), arguments->model, "Model directory for multiple choice that transformers wrote")
      ->required()
      ->type_name("DIR");
  command->add_flag("--all", arguments->all, "Print every choice, the best first");
  command->add_flag("--json", arguments->json, "Print a JSON object with every choice for each line");
  for (const TableOption<ChooseOptions>& entry : choose_option_table()) add_table_option(*command, entry, arguments->options);
  add_dtype_option(*command, arguments->dtype);
  command->footer(
      "Each line is a text and its choices, with tabs between them; one line out: the number of the best choice, its probability among "
      "the\n"
      "choices and its text.\n"
      "Example: printf 'It rains.\\tTake an umbrella.\\tTake a spoon.\\n' | qkv choose --model my-chooser");
  command->callback([arguments] { run_choose(*arguments); });
}

}  // namespace qkv
