// qkv score: log-probabilities of lines, of continuations and of translations, and which of several choices is likeliest.

#include "base/error.h"
#include "base/log.h"
#include "base/utf8.h"
#include "cli/commands.h"
#include "cli/exclusions.h"
#include "cli/letters.h"
#include "cli/line_input.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/score_input.h"
#include "cli/table_options.h"
#include "evaluate/option_table.h"
#include "formats/json.h"
#include "qkv/scorer.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

constexpr size_t kMostLines = 256;  // that are scored together

struct ScoreArguments {
  std::string model, format;
  InferenceType dtype = InferenceType::f32;
  ScoreOptions options;
  RankBy rank_by = RankBy::sum;
  bool choices = false, tokens = false, json = false;
};

// Sums over all lines.
struct Totals {
  TextScore sum;
  int64_t tokens = 0, lines = 0, answers = 0, right = 0;

  double perplexity() const { return std::exp(-sum.log_probability / static_cast<double>(tokens)); }
  void add(const TextScore& score) {
    sum.log_probability += score.log_probability;
    sum.bytes += score.bytes;
    tokens += std::ssize(score.tokens);
    ++lines;
  }
};

// JSON has no nan: null where there is nothing to divide by.
ordered_json number_or_null(double value) { return std::isfinite(value) ? ordered_json(value) : ordered_json(); }

// "-" where there is nothing to divide by.
std::string ratio(double value, int digits) { return std::isfinite(value) ? fmt::format("{:.{}f}", value, digits) : "-"; }

void check_finite(const TextScore& score, const std::string& where) {
  if (std::isnan(score.log_probability)) {
    fail(ErrorCode::diverged, "{}: the probability is not a number; the training of the model had diverged, or its files are damaged",
         where);
  }
}

ordered_json json_of(const TextScore& score, bool tokens) {
  ordered_json out = {{"log_probability", score.log_probability},
                      {"tokens", score.tokens.size()},
                      {"perplexity", number_or_null(score.perplexity())},
                      {"bits_per_byte", number_or_null(score.bits_per_byte())}};
  if (!tokens) return out;
  ordered_json list = ordered_json::array();
  for (const TokenScore& token : score.tokens) {
    list.push_back({{"id", token.id}, {"token", replace_invalid_utf8(token.token)}, {"log_probability", token.log_probability}});
  }
  out["token_scores"] = list;
  return out;
}

void print_tokens(int64_t line, const TextScore& score) {
  for (const TokenScore& token : score.tokens) print("{}\t{}\t{:.6f}\n", line, on_one_line(token.token), token.log_probability);
}

void print_score(int64_t line, const TextScore& score, const ScoreArguments& arguments) {
  if (arguments.json) {
    ordered_json out = {{"line", line}};
    out.update(json_of(score, arguments.tokens));
    return print("{}\n", out.dump());
  }
  if (arguments.tokens) return print_tokens(line, score);
  print("{}\t{:.6f}\t{}\t{}\t{}\n", line, score.log_probability, score.tokens.size(), ratio(score.perplexity(), 4),
        ratio(score.bits_per_byte(), 6));
}

void print_choices(int64_t line, const ScoreLine& input, std::span<const TextScore> scores, const ScoreArguments& arguments,
                   Totals& totals) {
  const std::vector<int64_t> order = rank_choices(scores, arguments.rank_by);
  if (input.answer) {
    ++totals.answers;
    totals.right += order.front() == *input.answer;
  }
  if (!arguments.json) {
    for (const int64_t choice : order) {
      const auto at = static_cast<size_t>(choice);
      print("{}\t{}\t{:.6f}\t{}\t{}\n", line, choice, scores[at].log_probability, scores[at].tokens.size(),
            on_one_line(replace_invalid_utf8(input.inputs[at].text)));
    }
    return;
  }
  ordered_json list = ordered_json::array();
  for (const TextScore& score : scores) list.push_back(json_of(score, arguments.tokens));
  print("{}\n", ordered_json{{"line", line}, {"best", order.front()}, {"order", order}, {"choices", list}}.dump());
}

void print_totals(const Totals& totals, const ScoreArguments& arguments) {
  if (arguments.choices) {
    if (totals.answers > 0) {
      log_info("{} of {} answers are the likeliest choice: {:.2f} %", totals.right, totals.answers,
               100.0 * static_cast<double>(totals.right) / static_cast<double>(totals.answers));
    }
    return;
  }
  if (arguments.json) {
    print("{}\n", ordered_json{{"total",
                                {{"lines", totals.lines},
                                 {"log_probability", totals.sum.log_probability},
                                 {"tokens", totals.tokens},
                                 {"bytes", totals.sum.bytes},
                                 {"perplexity", number_or_null(totals.perplexity())},
                                 {"bits_per_byte", number_or_null(totals.sum.bits_per_byte())}}}}
                      .dump());
    return;
  }
  if (arguments.tokens) return;
  print("total\t{:.6f}\t{}\t{}\t{}\n", totals.sum.log_probability, totals.tokens, ratio(totals.perplexity(), 4),
        ratio(totals.sum.bits_per_byte(), 6));
}

void score_block(const Scorer& scorer, const std::vector<ScoreLine>& lines, int64_t first_line, const std::string& name,
                 const ScoreArguments& arguments, Totals& totals) {
  std::vector<ScoreInput> inputs;
  for (const ScoreLine& line : lines) inputs.insert(inputs.end(), line.inputs.begin(), line.inputs.end());
  const std::vector<TextScore> scores = scorer.score(inputs, arguments.options);
  size_t at = 0;
  int64_t cut = 0;
  for (size_t i = 0; i < lines.size(); ++i) {
    const int64_t number = first_line + static_cast<int64_t>(i);
    const auto own = std::span(scores).subspan(at, lines[i].inputs.size());
    for (const TextScore& score : own) {
      check_finite(score, fmt::format("{}: line {}", name, number));
      totals.add(score);
      cut += score.cut;
    }
    if (arguments.choices) {
      print_choices(number, lines[i], own, arguments, totals);
    } else {
      print_score(number, own.front(), arguments);
    }
    at += own.size();
  }
  if (cut > 0) log_warning("{}: {} texts have more tokens than the {} that the model sees at once", name, cut, scorer.context());
  flush_stdout();
}

ScoreFormat format_of(const ScoreArguments& arguments, ScorerKind kind) {
  if (arguments.format == "jsonl") return ScoreFormat::jsonl;
  const bool columns =
      arguments.format == "tsv" || (arguments.format.empty() && (arguments.choices || kind == ScorerKind::encoder_decoder));
  if (arguments.choices && !columns) fail(ErrorCode::invalid_argument, "--choices: --format text has no choices; use tsv or jsonl");
  return columns ? ScoreFormat::tsv : ScoreFormat::text;
}

void run_score(ScoreArguments arguments) {
  catch_interrupts();
  arguments.options.cancellation = program_cancellation();
  const Scorer scorer = Scorer::open(arguments.model, arguments.dtype);
  const ScoreFormat format = format_of(arguments, scorer.kind());
  Totals totals;
  LineInput input("");
  for (std::vector<std::string_view> block; !(block = input.next()).empty();) {
    for (size_t begin = 0; begin < block.size(); begin += kMostLines) {
      const int64_t first = input.first_line() + static_cast<int64_t>(begin);
      std::vector<ScoreLine> lines;
      for (size_t i = begin; i < std::min(block.size(), begin + kMostLines); ++i) {
        lines.push_back(
            read_score_line(block[i], format, arguments.choices, fmt::format("{}: line {}", input.name(), first + std::ssize(lines))));
      }
      score_block(scorer, lines, first, input.name(), arguments, totals);
    }
  }
  print_totals(totals, arguments);
}

}  // namespace

void add_score_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("score", "Print how probable a model finds lines of text from stdin");
  auto arguments = std::make_shared<ScoreArguments>();
  command
      ->add_option(with_letter("--model"), arguments->model,
                   "Model directory of a language model, an encoder-decoder or a masked language model, or a .gguf file")
      ->required()
      ->type_name("DIR");
  command
      ->add_option("--format", arguments->format,
                   "text: a text; tsv: a prompt (or source), a tab and a text; jsonl: objects (default: text, tsv of an encoder-decoder "
                   "and with --choices)")
      ->check(CLI::IsMember({"text", "tsv", "jsonl"}))
      ->type_name("text|tsv|jsonl");
  command->add_flag("--choices", arguments->choices, "Rank the texts behind each prompt, likeliest first");
  command
      ->add_option_function<std::string>(
          "--rank-by",
          [arguments](const std::string& by) {
            arguments->rank_by = by == "tokens" ? RankBy::tokens : by == "bytes" ? RankBy::bytes : RankBy::sum;
          },
          "What ranks choices: the sum of log-probabilities, or its mean over tokens or bytes")
      ->check(CLI::IsMember({"sum", "tokens", "bytes"}))
      ->type_name("sum|tokens|bytes")
      ->default_str("sum");
  command->add_flag("--tokens", arguments->tokens, "Print each token with its log-probability");
  command->add_flag("--json", arguments->json, "Print lines of JSON");
  for (const TableOption<ScoreOptions>& entry : score_option_table()) add_table_option(*command, entry, arguments->options);
  add_dtype_option(*command, arguments->dtype);
  command->footer(
      "One line in, one line out: number, log-probability in nats, tokens, perplexity, bits per byte; at the end the total. With "
      "--choices\n"
      "a line for each choice: number, choice, log-probability, tokens, text. A language model's first token is scored if something "
      "precedes\n"
      "it: a start token or a prompt. Masked models give the pseudo-log-likelihood: each token hidden in turn (Salazar et al. 2020).\n"
      "Objects of --format jsonl have \"text\", \"prompt\" and \"continuation\", \"source\" and \"target\", or \"prompt\", \"choices\" "
      "and, to\n"
      "count right ones, \"answer\".\n"
      "Example: qkv score --model my-gpt < lines.txt");
  command->callback([command, arguments] {
    if (!arguments->choices) refuse_given(*command, {"--rank-by"}, "there are no --choices to rank");
    if (arguments->choices && arguments->tokens && !arguments->json)
      fail(ErrorCode::invalid_argument, "--tokens prints the tokens of choices with --json only");
    run_score(*arguments);
  });
}

}  // namespace qkv
