// qkv answer: prints the answers to the question of each input line.

#include "base/utf8.h"
#include "cli/answered_lines.h"
#include "cli/commands.h"
#include "cli/line_input.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "formats/json.h"
#include "predict/option_table.h"
#include "qkv/question_answerer.h"

namespace qkv {
namespace {

struct AnswerArguments {
  std::string model, context;
  InferenceType dtype = InferenceType::f32;
  AnswerOptions options;
  bool json = false;
};

void print_json(int64_t line, const std::vector<Answer>& answers) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const Answer& answer : answers)
    list.push_back({{"score", answer.score}, {"begin", answer.begin}, {"end", answer.end}, {"text", replace_invalid_utf8(answer.text)}});
  print("{}\n", nlohmann::ordered_json{{"line", line}, {"answers", list}}.dump());
}

void print_answers(int64_t line, const std::vector<Answer>& answers) {
  for (const Answer& answer : answers)
    print("{}\t{}\t{}\t{:.6f}\t{}\n", line, answer.begin, answer.end, answer.score, on_one_line(replace_invalid_utf8(answer.text)));
}

// The questions of a block: each with the text behind its tab, or all with the text of --context.
std::vector<Question> questions_of(const LineBlock& block, const std::string* context) {
  std::vector<Question> questions;
  if (context) {
    for (const std::string& line : block.lines) questions.push_back({line, *context});
    return questions;
  }
  LinePairs pairs = split_pairs(block, "a question, a tab and the text that may answer it, or --context names a file with the text");
  for (size_t i = 0; i < pairs.first.size(); ++i) questions.push_back({std::move(pairs.first[i]), std::move(pairs.second[i])});
  return questions;
}

void run_answer(AnswerArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = program_cancellation();
  std::string context;
  if (!arguments.context.empty()) {
    LineInput input(arguments.context);
    context = input.whole();
  }
  const QuestionAnswerer answerer = QuestionAnswerer::open(arguments.model, arguments.dtype);
  answer_lines("answered", [&](const LineBlock& block) {
    const std::vector<Question> questions = questions_of(block, arguments.context.empty() ? nullptr : &context);
    const std::vector<std::vector<Answer>> found = answerer.answer(questions, arguments.options);
    for (size_t i = 0; i < found.size(); ++i)
      arguments.json ? print_json(block.number(i), found[i]) : print_answers(block.number(i), found[i]);
  });
}

}  // namespace

void add_answer_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("answer", "Find the answers to questions from stdin in texts");
  auto arguments = std::make_shared<AnswerArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory of a question answering model, as transformers' save_pretrained writes it")
      ->required()
      ->type_name("DIR");
  command->add_option("--context", arguments->context, "Answer all questions from the text of FILE")->type_name("FILE");
  for (const TableOption<AnswerOptions>& entry : answer_option_table()) add_table_option(*command, entry, arguments->options);
  command->add_flag("--json", arguments->json, "Print a JSON object for each line");
  add_dtype_option(*command, arguments->dtype);
  command->footer(
      "Each line is a question, a tab and a text; with --context it is a question. One line out for each answer: line, first byte and end "
      "in "
      "the\n"
      "text, score and answer, with tabs between them. Texts of any length are read whole, in windows.\n"
      "Example: echo 'Who wrote it?' | qkv answer --model distilbert-squad --context letter.txt");
  command->callback([arguments] { run_answer(*arguments); });
}

}  // namespace qkv
