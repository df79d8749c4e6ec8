// qkv classify: prints the label and score of each input line.
#include <algorithm>

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/answered_lines.h"
#include "cli/commands.h"
#include "cli/exclusions.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "formats/json.h"
#include "predict/option_table.h"
#include "qkv/classifier.h"

namespace qkv {
namespace {

struct ClassifyArguments {
  std::string model;
  InferenceType dtype = InferenceType::f32;
  ClassifyOptions options;
  int64_t top_k = 1;
  bool all = false, pairs = false, json = false;
};

std::vector<Classification> classify_block(const Classifier& classifier, const LineBlock& block, const ClassifyArguments& arguments) {
  if (!arguments.pairs && !classifier.needs_pairs()) return classifier.classify(block.lines, arguments.options);
  LinePairs lines = split_pairs(block, "two texts with one tab between them");
  std::vector<TextPair> pairs;
  for (size_t i = 0; i < lines.first.size(); ++i) pairs.push_back({std::move(lines.first[i]), std::move(lines.second[i])});
  return classifier.classify(pairs, arguments.options);
}

void print_json(int64_t line, std::span<const LabelScore> labels, const std::vector<std::string>& names) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [label, score] : labels)
    list.push_back({{"label", replace_invalid_utf8(names[static_cast<size_t>(label)])}, {"score", score}});
  print("{}\n", nlohmann::ordered_json{{"line", line}, {"labels", list}}.dump());
}

void print_labels(std::span<const LabelScore> labels, const std::vector<std::string>& names) {
  const char* between = "";
  for (const auto& [label, score] : labels) {
    print("{}{}\t{:.6f}", between, one_line(names[static_cast<size_t>(label)]), score);
    between = "\t";
  }
  write_stdout("\n");
}

void run_classify(ClassifyArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = program_cancellation();
  const Classifier classifier = Classifier::open(arguments.model, arguments.dtype);
  const size_t most = arguments.all ? SIZE_MAX : static_cast<size_t>(arguments.top_k);
  answer_lines("labelled", [&](const LineBlock& block) {
    const std::vector<Classification> texts = classify_block(classifier, block, arguments);
    const auto cut = std::count_if(texts.begin(), texts.end(), [](const Classification& text) { return text.cut; });
    if (cut > 0) log_warning("{} lines are cut to the {} tokens that the model takes", cut, classifier.max_tokens());
    for (size_t i = 0; i < texts.size(); ++i) {
      const std::span<const LabelScore> shown = std::span(texts[i].labels).first(std::min(most, texts[i].labels.size()));
      arguments.json ? print_json(block.number(i), shown, classifier.labels()) : print_labels(shown, classifier.labels());
    }
  });
}

}  // namespace

void add_classify_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("classify", "Label lines of text, or pairs of texts, from stdin");
  auto arguments = std::make_shared<ClassifyArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory that qkv train --task classification, transformers or sentence-transformers (a cross-encoder) wrote")
      ->required()
      ->type_name("DIR");
  command->add_flag("--pairs", arguments->pairs, "Each line is two texts with a tab between them");
  command->add_option("--top-k", arguments->top_k, "Labels of each line, the best first")
      ->check(at_least(arguments->top_k, 1))
      ->type_name("N")
      ->capture_default_str();
  command->add_flag("--all", arguments->all, "Print every label, the best first");
  command->add_flag("--json", arguments->json, "Print a JSON object for each line");
  for (const TableOption<ClassifyOptions>& entry : classify_option_table()) add_table_option(*command, entry, arguments->options);
  add_dtype_option(*command, arguments->dtype);
  command->footer(
      "One line in, one line out: the likeliest label, a tab and its probability, or the number of a regression. Models that tell whether "
      "a "
      "text\n"
      "follows another read pairs.\n"
      "Example: qkv classify --model my-classifier < reviews.txt");
  command->callback([command, arguments] {
    if (arguments->all) refuse_given(*command, {"--top-k"}, "--all prints every label");
    run_classify(*arguments);
  });
}

}  // namespace qkv
