// qkv tag: prints the entities of each input line.

#include "base/utf8.h"
#include "cli/answered_lines.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "formats/json.h"
#include "predict/option_table.h"
#include "qkv/tagger.h"

namespace qkv {
namespace {

struct TagArguments {
  std::string model;
  InferenceType dtype = InferenceType::f32;
  TagOptions options;
  bool json = false;
};

std::string text_of(const std::string& line, const TaggedSpan& span) {
  return replace_invalid_utf8(std::string_view(line).substr(span.begin, span.end - span.begin));
}

void print_json(const std::string& line, int64_t number, const std::vector<TaggedSpan>& spans) {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const TaggedSpan& span : spans) {
    list.push_back({{"label", replace_invalid_utf8(span.label)},
                    {"score", span.score},
                    {"begin", span.begin},
                    {"end", span.end},
                    {"text", text_of(line, span)}});
  }
  print("{}\n", nlohmann::ordered_json{{"line", number}, {"entities", list}}.dump());
}

void print_spans(const std::string& line, int64_t number, const std::vector<TaggedSpan>& spans) {
  for (const TaggedSpan& span : spans)
    print("{}\t{}\t{}\t{}\t{:.6f}\t{}\n", number, span.begin, span.end, one_line(span.label), span.score, text_of(line, span));
}

void run_tag(TagArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = program_cancellation();
  const Tagger tagger = Tagger::open(arguments.model, arguments.dtype);
  answer_lines("tagged", [&](const LineBlock& block) {
    const std::vector<std::vector<TaggedSpan>> found = tagger.tag(block.lines, arguments.options);
    for (size_t i = 0; i < found.size(); ++i)
      arguments.json ? print_json(block.lines[i], block.number(i), found[i]) : print_spans(block.lines[i], block.number(i), found[i]);
  });
}

}  // namespace

void add_tag_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tag", "Find the names and other entities in lines of text from stdin");
  auto arguments = std::make_shared<TagArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory of a token classifier, as transformers' save_pretrained writes it")
      ->required()
      ->type_name("DIR");
  for (const TableOption<TagOptions>& entry : tag_option_table()) add_table_option(*command, entry, arguments->options);
  command->add_flag("--json", arguments->json, "Print a JSON object for each line");
  add_dtype_option(*command, arguments->dtype);
  command->footer(
      "One line out for each entity: line, first byte, end, label, probability and text, with tabs between them. Lines of any length are "
      "read\n"
      "whole. Labels may follow IOB, IOB2 or BIOES.\n"
      "Example: qkv tag --model bert-base-NER --aggregation first < letters.txt");
  command->callback([arguments] { run_tag(*arguments); });
}

}  // namespace qkv
