// qkv classify: one line in, its label and probability out.
#include <unistd.h>

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/commands/decoding_options.h"
#include "cli/commands/eval_classification.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "evaluate/classification.h"

namespace qkv {
namespace {

struct ClassifyArguments {
  std::string model;
  InferenceType dtype = InferenceType::f32;
  bool all = false;
};

void print_labels(const std::vector<double>& log_p, const std::vector<std::string>& labels, bool all) {
  std::vector<size_t> order(log_p.size());
  for (size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) { return log_p[a] > log_p[b]; });
  if (!all) order.resize(1);
  for (size_t i = 0; i < order.size(); ++i) {
    print("{}{}\t{:.6f}", i == 0 ? "" : "\t", one_line(labels[order[i]]), std::exp(log_p[order[i]]));
  }
  write_stdout("\n");
}

void run_classify(const ClassifyArguments& arguments) {
  constexpr size_t kMostLines = 1024;
  catch_interrupts();
  const Classifier classifier = load_classifier(arguments.model, arguments.dtype);
  const ClassificationOptions options{.dtype = activation_type(*classifier.model)};
  LineReader reader(STDIN_FILENO, "standard input");
  for (std::vector<std::string> lines; !(lines = reader.next(kMostLines)).empty();) {
    std::vector<int64_t> invalid;
    for (size_t i = 0; i < lines.size(); ++i) {
      if (!is_valid_utf8(lines[i])) invalid.push_back(reader.first_line() + static_cast<int64_t>(i));
    }
    if (!invalid.empty()) log_warning("{}: not valid UTF-8; the bad bytes are read as U+FFFD", list_lines(invalid));
    const ClassifierInputs inputs = encode_for_classifier(classifier.tokenizer, lines, classifier.model->config.max_position_embeddings);
    if (inputs.cut > 0)
      log_warning("{} lines are cut to the {} tokens that the model takes", inputs.cut, classifier.model->config.max_position_embeddings);
    for (const std::vector<double>& log_p : label_log_probabilities(classifier.model->network, inputs.ids, options))
      print_labels(log_p, classifier.model->labels, arguments.all);
    flush_stdout();
  }
}

}  // namespace

void add_classify_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("classify", "Label lines of text from stdin");
  auto arguments = std::make_shared<ClassifyArguments>();
  command->add_option("--model", arguments->model, "Model directory that qkv train --task classification or transformers wrote")
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
