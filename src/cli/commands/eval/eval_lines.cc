#include "cli/commands/eval/eval_lines.h"

#include <algorithm>
#include <filesystem>
#include <optional>
#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/number_text.h"
#include "base/progress.h"
#include "base/timing.h"
#include "base/utf8.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/sharing.h"
#include "decode/option_table.h"
#include "formats/json.h"
#include "qkv/tokenizer.h"

namespace qkv {
namespace {

using Lines = std::vector<std::string>;
using nlohmann::ordered_json;

Lines read_text(const std::string& path) {
  Lines lines = read_lines(path);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_valid_utf8(lines[i])) fail(ErrorCode::bad_input, "{}: line {} is not valid UTF-8; convert it with iconv", path, i + 1);
  }
  return lines;
}

void check_same_length(const std::string& path, size_t lines, const std::string& other_path, size_t other_lines) {
  if (lines != other_lines) {
    fail(ErrorCode::bad_input, "{} has {} lines, {} has {}; line for line they must belong together", path, with_commas(lines), other_path,
         with_commas(other_lines));
  }
}

std::vector<Lines> read_references(const EvalArguments& arguments) {
  std::vector<Lines> references;
  for (const std::string& path : arguments.references) {
    references.push_back(read_text(path));
    check_same_length(path, references.back().size(), arguments.references.front(), references.front().size());
  }
  return references;
}

void check_not_empty(const EvalArguments& arguments, const std::vector<Lines>& references) {
  if (references.front().empty()) fail(ErrorCode::bad_input, "{} is empty; there is nothing to score", arguments.references.front());
}

struct Hypotheses {
  Lines lines;
  double seconds = 0;  // spent on translation; 0 if the lines were read from a file
};

Hypotheses translate_source(const EvalArguments& arguments, const std::string& model, const Lines& source) {
  ProgressLine line;
  line.begin("opening " + model);
  const Translator translator = Translator::open(model, arguments.options);
  const Stopwatch watch;
  line.begin(fmt::format("translating {} lines", source.size()));
  const auto show = [&](int64_t done) {
    line.show(fmt::format("translated {} of {} lines  {:.0f} lines/s", done, source.size(), static_cast<double>(done) / watch.seconds()));
  };
  std::vector<Translation> translations =
      translate_shared(translator, source, {.cancellation = program_cancellation(), .on_progress = show});
  Hypotheses hypotheses;
  hypotheses.seconds = watch.seconds();
  std::string text;
  for (Translation& translation : translations) {
    hypotheses.lines.push_back(on_one_line(std::move(translation.candidates.front().text)));
    text += hypotheses.lines.back() + '\n';
  }
  if (!arguments.output.empty() && is_first_process()) write_file_atomically(arguments.output, text);
  log_info("translated {} lines in {:.2f} s, {:.1f} lines/s", source.size(), hypotheses.seconds,
           static_cast<double>(source.size()) / hypotheses.seconds);
  return hypotheses;
}

Lines read_source(const EvalArguments& arguments, size_t lines) {
  Lines source = read_lines(arguments.source);
  check_same_length(arguments.source, source.size(), arguments.references.front(), lines);
  return source;
}

// The tokenizer of --token-error-rate; empty: white space separates tokens.
std::optional<Tokenizer> token_error_tokenizer(const EvalArguments& arguments) {
  if (!arguments.comparison.scoring.token_error_rate) return std::nullopt;
  const std::string& path = arguments.tokenizer.empty() ? arguments.model : arguments.tokenizer;
  return path.empty() ? std::nullopt : std::optional(Tokenizer::load(path));
}

ordered_json errors_json(const ErrorRate& errors) {
  return {{"substitutions", errors.substitutions},
          {"insertions", errors.insertions},
          {"deletions", errors.deletions},
          {"tokens", errors.tokens},
          {"unknown_tokens", errors.unknown_tokens}};
}

ordered_json or_null(const std::optional<double>& value) { return value ? ordered_json(*value) : ordered_json(nullptr); }

void print_scores_json(const TranslationScores& scores, const EvalArguments& arguments, double seconds) {
  ordered_json result{{"bleu", or_null(scores.bleu)},
                      {"chrf", scores.chrf},
                      {"chrf_plus_plus", scores.chrf_plus_plus},
                      {"ter", scores.ter},
                      {"signature", scores.signature},
                      {"chrf_signature", scores.chrf_signature},
                      {"chrf_plus_plus_signature", scores.chrf_plus_plus_signature},
                      {"ter_signature", scores.ter_signature},
                      {"exact_match", scores.exact_match()},
                      {"lines", scores.lines},
                      {"references", arguments.references.size()}};
  if (scores.word_errors) {
    result["word_error_rate"] = or_null(scores.word_errors->percent());
    result["word_errors"] = errors_json(*scores.word_errors);
  }
  if (scores.token_errors) {
    result["token_error_rate"] = or_null(scores.token_errors->percent());
    result["token_errors"] = errors_json(*scores.token_errors);
  }
  if (seconds > 0) result["seconds"] = seconds;
  print("{}\n", result.dump());
}

void print_errors(std::string_view name, const ErrorRate& errors, std::string_view what) {
  const std::optional<double> percent = errors.percent();
  print("{} error rate {} ({} substitutions, {} insertions, {} deletions; {} {})\n", name,
        percent ? fmt::format("{:.2f} %", *percent) : "undefined", errors.substitutions, errors.insertions, errors.deletions, errors.tokens,
        what);
}

void print_scores(const TranslationScores& scores, bool has_tokenizer) {
  const std::string bleu = scores.bleu ? fmt::format("{:.2f}", *scores.bleu) : "undefined (no reference has four words)";
  print("BLEU {}  chrF2 {:.2f}  chrF2++ {:.2f}  TER {:.2f} %  exact match {:.2f} % ({} of {} lines)\n", bleu, scores.chrf,
        scores.chrf_plus_plus, scores.ter, scores.exact_match(), scores.exact_matches, scores.lines);
  if (scores.word_errors) print_errors("word", *scores.word_errors, "words");
  if (scores.token_errors)
    print_errors("token", *scores.token_errors, has_tokenizer ? "tokens of the tokenizer" : "tokens between white space");
  print("{}\n", scores.signature);
}

void print_comparison_json(const std::vector<MeasureComparison>& measures, const EvalArguments& arguments, size_t lines) {
  ordered_json all = ordered_json::array();
  for (const MeasureComparison& measure : measures) {
    ordered_json systems = ordered_json::array();
    for (size_t i = 0; i < measure.systems.size(); ++i) {
      const MeasureComparison::System& system = measure.systems[i];
      systems.push_back({{"name", arguments.compared[i]},
                         {"score", system.score},
                         {"mean", system.mean},
                         {"interval", system.interval},
                         {"p_value", or_null(system.p_value)}});
    }
    all.push_back(
        {{"name", measure.name}, {"signature", measure.signature}, {"lower_is_better", measure.lower_is_better}, {"systems", systems}});
  }
  print("{}\n", ordered_json{{"measures", all},
                             {"lines", lines},
                             {"references", arguments.references.size()},
                             {"resamples", arguments.comparison.resamples},
                             {"seed", arguments.comparison.seed}}
                    .dump());
}

void print_comparison(const std::vector<MeasureComparison>& measures, const std::vector<std::string>& names) {
  size_t width = 0;
  for (const std::string& name : names) width = std::max(width, name.size());
  for (const MeasureComparison& measure : measures) {
    print("{}{}{}{}\n", measure.name, measure.lower_is_better ? " (lower is better)" : "", measure.signature.empty() ? "" : "  ",
          measure.signature);
    for (size_t i = 0; i < names.size(); ++i) {
      const MeasureComparison::System& system = measure.systems[i];
      print("  {:<{}}  {:6.2f}  ({:.2f} ± {:.2f}){}\n", names[i], width, system.score, system.mean, system.interval,
            system.p_value ? fmt::format("  p = {:.4f}", *system.p_value) : "  baseline");
    }
  }
}

}  // namespace

void refuse_decoding_options(const EvalArguments& arguments, std::string_view mode, std::string_view allowed) {
  for (const TableOption<TranslatorOptions>& entry : translator_option_table()) {
    if (entry.name != allowed && entry.get(arguments.options) != entry.default_value)
      fail(ErrorCode::invalid_argument, "--{} is for a model that translates --source; {} needs none", entry.name, mode);
  }
}

void eval_lines(EvalArguments& arguments) {
  const std::vector<Lines> references = read_references(arguments);
  const size_t lines = references.front().size();
  Hypotheses hypotheses;
  std::optional<Tokenizer> tokenizer;
  if (arguments.hypothesis.empty()) {
    const Lines source = read_source(arguments, lines);
    catch_interrupts();
    tokenizer = token_error_tokenizer(arguments);
    hypotheses = translate_source(arguments, arguments.model, source);
  } else {
    hypotheses.lines = read_text(arguments.hypothesis);
    check_same_length(arguments.hypothesis, hypotheses.lines.size(), arguments.references.front(), lines);
    catch_interrupts();
    tokenizer = token_error_tokenizer(arguments);
  }
  check_not_empty(arguments, references);
  ScoringOptions& options = arguments.comparison.scoring;
  options.tokenizer = tokenizer ? &*tokenizer : nullptr;
  options.cancellation = program_cancellation();
  const TranslationScores scores = score_translations(hypotheses.lines, references, options);
  if (scores.token_errors && scores.token_errors->unknown_tokens > 0)
    log_warning("{} tokens are unknown to the tokenizer; they are compared by their text", scores.token_errors->unknown_tokens);
  if (arguments.json) return print_scores_json(scores, arguments, hypotheses.seconds);
  print_scores(scores, tokenizer.has_value());
}

void compare_lines(EvalArguments& arguments) {
  const std::vector<Lines> references = read_references(arguments);
  check_not_empty(arguments, references);
  const size_t lines = references.front().size();
  const auto is_model = [](const std::string& path) {
    std::error_code failure;
    return std::filesystem::is_directory(path, failure);
  };
  const bool models = std::any_of(arguments.compared.begin(), arguments.compared.end(), is_model);
  if (models && arguments.source.empty())
    fail(ErrorCode::invalid_argument, "--compare names a model directory; --source is needed for it to translate");
  if (!models && !arguments.source.empty())
    fail(ErrorCode::invalid_argument, "--source is for models to translate; --compare names files of translations alone");
  if (!models) refuse_decoding_options(arguments, "comparing files");
  const Lines source = models ? read_source(arguments, lines) : Lines{};
  std::vector<Lines> systems(arguments.compared.size());
  for (size_t i = 0; i < systems.size(); ++i) {  // files first: what is wrong with them is told before the work of models
    const std::string& path = arguments.compared[i];
    if (is_model(path)) continue;
    systems[i] = read_text(path);
    check_same_length(path, systems[i].size(), arguments.references.front(), lines);
  }
  catch_interrupts();
  const std::optional<Tokenizer> tokenizer = token_error_tokenizer(arguments);
  for (size_t i = 0; i < systems.size(); ++i) {
    if (is_model(arguments.compared[i])) systems[i] = translate_source(arguments, arguments.compared[i], source).lines;
  }
  ScoringOptions& options = arguments.comparison.scoring;
  options.tokenizer = tokenizer ? &*tokenizer : nullptr;
  options.cancellation = program_cancellation();
  const std::vector<MeasureComparison> measures = compare_translations(systems, references, arguments.comparison);
  if (arguments.json) return print_comparison_json(measures, arguments, lines);
  print_comparison(measures, arguments.compared);
}

}  // namespace qkv
