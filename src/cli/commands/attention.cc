// qkv attention: shows the weights of one attention head, a whole block, or every matrix as a page.
#include <unistd.h>

#include "base/files.h"
#include "base/log.h"
#include "base/progress.h"
#include "base/terminal.h"
#include "cli/commands.h"
#include "cli/exclusions.h"
#include "cli/letters.h"
#include "cli/numbers.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/table_options.h"
#include "qkv/attention.h"

namespace qkv {
namespace {

struct AttentionArguments {
  std::string model, source, kind, head = "0", output, html;
  AttentionRequest request;
  bool trace = false;
  TranslatorOptions options;
};

std::optional<AttentionKind> kind_of(const std::string& name) {
  if (name.empty()) return std::nullopt;
  return name == "encoder" ? AttentionKind::encoder : name == "decoder" ? AttentionKind::decoder : AttentionKind::cross;
}

void check_output(const std::string& output) {
  if (output.empty() || output.ends_with(".svg") || output.ends_with(".json") || output.ends_with(".txt")) return;
  fail(ErrorCode::invalid_argument, "--output {}: the name says the form; possible: .svg, .json, .txt", output);
}

std::optional<int> head_of(const std::string& text) { return text == "all" ? std::nullopt : std::optional(std::stoi(text)); }

// A number from 0, or "all".
CLI::Validator head_or_all() {
  return CLI::Validator(
      [](const std::string& text) {
        const bool digits = !text.empty() && text.size() < 10 && text.find_first_not_of("0123456789") == std::string::npos;
        return digits || text == "all" ? std::string() : "\"" + text + "\" is not a whole number from 0, or all";
      },
      "");
}

void write_html(const AttentionArguments& arguments, const AttentionRequest& request) {
  check_can_write(arguments.html);
  ProgressLine line;
  line.begin("computing every matrix of " + arguments.model);
  const NetworkTrace trace = AttentionInspector::open(arguments.model, arguments.options).trace(arguments.source, request);
  line.clear();
  write_file_atomically(arguments.html, trace_html(trace));
  log_info("{} matrices written to {}", trace.matrices.size(), arguments.html);
}

// The block of a layer as text.
void write_trace(const AttentionArguments& arguments, const AttentionRequest& request) {
  ProgressLine line;
  line.begin("computing the block of " + arguments.model);
  const AttentionInspector inspector = AttentionInspector::open(arguments.model, arguments.options);
  const NetworkTrace trace = inspector.trace(arguments.source, request);
  line.clear();
  const AttentionKind kind = request.kind.value_or(inspector.kinds().back());
  const int layer = request.layer.value_or(inspector.layers(kind) - 1);
  const std::string text = trace_text(trace, kind, layer, head_of(arguments.head));
  if (arguments.output.empty()) {
    if (trace.has_target && !request.target) print("{}\n-> {}\n\n", trace.source, trace.target);
    write_stdout(text);
    return;
  }
  write_file_atomically(arguments.output, text);
  log_info("layer {} written to {}", layer, arguments.output);
}

void run_attention(const AttentionArguments& arguments) {
  constexpr int kWidth = 100;  // where there is no terminal
  catch_interrupts();
  check_output(arguments.output);
  if (!arguments.output.empty()) check_can_write(arguments.output);
  AttentionRequest request = arguments.request;
  request.kind = kind_of(arguments.kind);
  request.head = head_of(arguments.head).value_or(0);
  request.cancellation = program_cancellation();
  if (!arguments.html.empty()) return write_html(arguments, request);
  if (arguments.trace && !arguments.output.ends_with(".json")) return write_trace(arguments, request);
  ProgressLine line;
  line.begin("computing the attention of " + arguments.model);
  const AttentionView view = AttentionInspector::open(arguments.model, arguments.options).view(arguments.source, request);
  line.clear();
  if (arguments.output.ends_with(".svg")) {
    write_file_atomically(arguments.output, attention_svg(view));
  } else if (arguments.output.ends_with(".json")) {
    write_file_atomically(arguments.output, attention_json(view, arguments.trace));
  } else {
    const std::string text = attention_text(view, arguments.output.empty() ? terminal_width(STDOUT_FILENO, kWidth) : kWidth);
    if (arguments.output.empty()) {
      if (view.has_target && !request.target && view.trace.kind != AttentionKind::encoder) print("{}\n-> {}\n\n", view.source, view.target);
      write_stdout(text);
    } else {
      write_file_atomically(arguments.output, text);
    }
  }
  if (!arguments.output.empty()) log_info("{} written to {}", attention_title(view), arguments.output);
}

void refuse_unused(const CLI::App& command, const AttentionArguments& arguments) {
  if (!arguments.html.empty()) refuse_given(command, {"--trace", "--output", "--kind", "--layer", "--head"}, "--html shows every matrix");
  if (arguments.head == "all" && (!arguments.trace || arguments.output.ends_with(".json"))) {
    fail(ErrorCode::invalid_argument, "--head all is for --trace as text; name one head");
  }
  if (arguments.output.ends_with(".svg")) refuse_given(command, {"--trace"}, "an .svg file shows the weights alone");
  if (arguments.kind == "encoder") refuse_given(command, {"--target"}, "--kind encoder looks at the source alone");
  if (arguments.kind != "encoder" && !arguments.request.target) return;
  refuse_given(command, {"--beam-size", "--length-penalty", "--max-length", "--max-length-factor", "--min-length"},
               arguments.kind == "encoder" ? "--kind encoder translates nothing" : "--target is the translation");
}

}  // namespace

void add_attention_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("attention", "Show where an attention head looks");
  auto arguments = std::make_shared<AttentionArguments>();
  command->add_option(with_letter("--model"), arguments->model, "Model directory")->required()->type_name("DIR");
  command->add_option("--source,--text", arguments->source, "The text that the model reads")->required()->type_name("TEXT");
  command->add_option("--target", arguments->request.target, "Its translation, for models that translate (default: the model's own)")
      ->type_name("TEXT");
  command
      ->add_option("--kind", arguments->kind,
                   "encoder (self-attention of the source), decoder (of the target, or of the only text) or cross (target to source) "
                   "(default: cross, or the only one that the model has)")
      ->check(CLI::IsMember({"encoder", "decoder", "cross"}))
      ->type_name("KIND");
  command->add_option("--layer", arguments->request.layer, "Layer, counted from 0 (default: the last)")
      ->check(at_least(arguments->request.layer, 0))
      ->type_name("L");
  command->add_option("--head", arguments->head, "Head, counted from 0; with --trace also all")
      ->check(head_or_all())
      ->type_name("H")
      ->capture_default_str();
  command
      ->add_option(with_letter("--output"), arguments->output,
                   "Write FILE.svg, FILE.json or FILE.txt instead of showing the map in the terminal")
      ->type_name("FILE");
  command->add_flag(
      "--trace", arguments->trace,
      "Print the whole block with four digits: x, weights, Q, K, V, scores, mask, attention weights, W_O, residual, FFN, logits");
  command->add_option("--html", arguments->html, "Write a page that shows every matrix of the network, with formulas")->type_name("FILE");
  add_decoding_options(*command, arguments->options, Texts::one);
  command->footer(
      "Models that translate read a text and its translation; language models, BERT and classifiers read the text alone.\n"
      "Examples: qkv attention --model my-model --source \"twenty-one\" --kind cross --layer 3 --head 1 --output map.svg\n"
      "          qkv attention --model my-classifier --text \"a lovely film\" --html film.html");
  command->callback([command, arguments] {
    refuse_unused(*command, *arguments);
    run_attention(*arguments);
  });
}

}  // namespace qkv
