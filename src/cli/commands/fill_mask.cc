// qkv fill-mask: prints the likeliest tokens for the masks of each input line.

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/answered_lines.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "decode/translator.h"
#include "formats/json.h"
#include "predict/option_table.h"
#include "qkv/mask_filler.h"

namespace qkv {
namespace {

struct FillMaskArguments {
  std::string model;
  InferenceType dtype = InferenceType::f32;
  FillMaskOptions options;
  bool json = false;
};

void check_lines(const LineBlock& block, const std::vector<FilledText>& filled, const MaskFiller& filler) {
  std::vector<int64_t> cut;
  for (size_t i = 0; i < filled.size(); ++i) {
    if (filled[i].cut) cut.push_back(block.number(i));
    if (!filled[i].masks.empty()) continue;
    fail(ErrorCode::bad_input, "standard input: line {} has no {}{}", block.number(i), filler.mask(),
         filled[i].cut ? fmt::format(" among the {} tokens that the model takes", filler.max_tokens()) : "");
  }
  if (!cut.empty()) log_warning("{}: cut to the {} tokens that the model takes", list_lines(cut), filler.max_tokens());
}

void print_json(int64_t line, const FilledText& filled) {
  nlohmann::ordered_json masks = nlohmann::ordered_json::array();
  for (const std::vector<MaskCandidate>& candidates : filled.masks) {
    nlohmann::ordered_json& list = masks.emplace_back(nlohmann::ordered_json::array());
    for (const MaskCandidate& each : candidates) {
      list.push_back({{"score", each.score},
                      {"token", each.token},
                      {"text", replace_invalid_utf8(each.text)},
                      {"sequence", replace_invalid_utf8(each.sequence)}});
    }
  }
  print("{}\n", nlohmann::ordered_json{{"line", line}, {"masks", masks}}.dump());
}

void print_candidates(int64_t line, const FilledText& filled) {
  for (size_t mask = 0; mask < filled.masks.size(); ++mask) {
    for (const MaskCandidate& each : filled.masks[mask]) {
      print("{}\t{}\t{:.6f}\t{}\t{}\n", line, mask + 1, each.score, on_one_line(replace_invalid_utf8(each.text)),
            on_one_line(replace_invalid_utf8(each.sequence)));
    }
  }
}

void run_fill_mask(FillMaskArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = program_cancellation();
  const MaskFiller filler = MaskFiller::open(arguments.model, arguments.dtype);
  answer_lines("filled", [&](const LineBlock& block) {
    const std::vector<FilledText> filled = filler.fill(block.lines, arguments.options);
    check_lines(block, filled, filler);
    for (size_t i = 0; i < filled.size(); ++i)
      arguments.json ? print_json(block.number(i), filled[i]) : print_candidates(block.number(i), filled[i]);
  });
}

}  // namespace

void add_fill_mask_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("fill-mask", "Fill in the masks of lines of text from stdin");
  auto arguments = std::make_shared<FillMaskArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory of a masked language model that qkv train --task mlm or transformers wrote")
      ->required()
      ->type_name("DIR");
  for (const TableOption<FillMaskOptions>& entry : fill_mask_option_table()) add_table_option(*command, entry, arguments->options);
  command->add_flag("--json", arguments->json, "Print a JSON object for each line");
  add_dtype_option(*command, arguments->dtype);
  command->footer(
      "Each line has one or more masks as the model's tokenizer spells them, [MASK] or <mask>. One line out for each token: line, mask, "
      "probability,\n"
      "token and the line with it, with tabs between them.\n"
      "Example: echo 'The capital of France is [MASK].' | qkv fill-mask --model bert-base-uncased");
  command->callback([arguments] { run_fill_mask(*arguments); });
}

}  // namespace qkv
