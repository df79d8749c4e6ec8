// qkv classify: prints the label and probability of each input line.
#include <unistd.h>

#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/letters.h"
#include "cli/line_progress.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "decode/translator.h"
#include "qkv/classifier.h"

namespace qkv {
namespace {

struct ClassifyArguments {
  std::string model;
  InferenceType dtype = InferenceType::f32;
  bool all = false;
};

void print_labels(const Classification& text, const std::vector<std::string>& names, bool all) {
  const size_t shown = all ? text.labels.size() : 1;
  for (size_t i = 0; i < shown; ++i) {
    const auto& [label, probability] = text.labels[i];
    print("{}{}\t{:.6f}", i == 0 ? "" : "\t", one_line(names[static_cast<size_t>(label)]), probability);
  }
  write_stdout("\n");
}

void warn_of_invalid(const std::vector<std::string>& lines, int64_t first_line) {
  std::vector<int64_t> invalid;
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_valid_utf8(lines[i])) invalid.push_back(first_line + static_cast<int64_t>(i));
  }
  if (!invalid.empty()) log_warning("{}: not valid UTF-8; the bad bytes are read as U+FFFD", list_lines(invalid));
}

void run_classify(const ClassifyArguments& arguments) {
  constexpr size_t kMostLines = 1024;
  catch_interrupts();
  const Classifier classifier = Classifier::open(arguments.model, arguments.dtype);
  LineReader reader(STDIN_FILENO, "standard input");
  LineProgress progress("labelled", bytes_of_stdin(), is_stdin_typed());
  for (std::vector<std::string> lines; !(lines = reader.next(kMostLines)).empty();) {
    progress.begin(lines);
    warn_of_invalid(lines, reader.first_line());
    const std::vector<Classification> texts = classifier.classify(lines, {.cancellation = program_cancellation()});
    const auto cut = std::count_if(texts.begin(), texts.end(), [](const Classification& text) { return text.cut; });
    if (cut > 0) log_warning("{} lines are cut to the {} tokens that the model takes", cut, classifier.max_tokens());
    for (const Classification& text : texts) print_labels(text, classifier.labels(), arguments.all);
    flush_stdout();
    progress.done(std::ssize(lines));
  }
}

}  // namespace

void add_classify_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("classify", "Label lines of text from stdin");
  auto arguments = std::make_shared<ClassifyArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model, "Model directory that qkv train --task classification or transformers wrote")
      ->required()
      ->type_name("DIR");
  command->add_flag("--all", arguments->all, "Print every label with its probability, the likeliest first");
  add_dtype_option(*command, arguments->dtype);
  command->footer(
      "One line in, one line out: the likeliest label, a tab and its probability.\n"
      "Example: qkv classify --model my-classifier < reviews.txt");
  command->callback([arguments] { run_classify(*arguments); });
}

}  // namespace qkv
