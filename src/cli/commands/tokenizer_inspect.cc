// qkv tokenizer inspect and compare: show how tokenizers split a text.
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/commands/tokenizer.h"
#include "cli/environment.h"
#include "cli/exclusions.h"
#include "cli/line_input.h"
#include "cli/line_progress.h"
#include "cli/output.h"
#include "cli/program.h"
#include "formats/json.h"
#include "qkv/tokenizer.h"
#include "qkv/tokenizer_statistics.h"

namespace qkv {
namespace {

using nlohmann::ordered_json;

struct InspectArguments {
  std::string tokenizer, file, color = "auto";
  TokenizerLoadOptions load;
  bool without_special_tokens = false, special_as_text = false, json = false;
};

// Adjacent colours differ; the letters are black, so that they are readable on dark and light terminals.
constexpr std::string_view kColors[] = {"\x1b[30;48;5;153m", "\x1b[30;48;5;223m", "\x1b[30;48;5;157m", "\x1b[30;48;5;218m"};
constexpr std::string_view kPlain = "\x1b[0m";

bool wants_color(const std::string& choice) {
  return choice == "always" || (choice == "auto" && isatty(STDOUT_FILENO) && environment_wants_color());
}

// The text on one line, without control characters that could affect a terminal.
std::string shown(std::string_view text) {
  std::string result;
  for (const char c : replace_invalid_utf8(text)) {
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7F) {
      result.push_back(c);
    } else if (c == '\n') {
      result += "\\n";
    } else {
      result += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
    }
  }
  return result;
}

// The text with tokens separated by colours or bars. Text that no token covers is not coloured.
std::string parted(std::string_view line, const Encoding& encoding, bool color) {
  std::string result;
  size_t done = 0, count = 0;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    if (end <= done) continue;  // a special token, or another token of an already printed character
    const size_t from = std::max(begin, done);
    if (!color && done > 0) result += '|';
    result += shown(line.substr(done, from - done));
    const std::string text = shown(line.substr(from, end - from));
    result += color ? fmt::format("{}{}{}", kColors[count++ % std::size(kColors)], text, kPlain) : text;
    done = end;
  }
  return result + shown(line.substr(std::min(done, line.size())));
}

void print_tokens(const Tokenizer& tokenizer, std::string_view line, const Encoding& encoding, bool color) {
  print("{}\n", parted(line, encoding, color));
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    const std::string place = encoding.special_tokens_mask[i] ? "added" : fmt::format("{}-{}", begin, end);
    print("{:>8}  {:>11}  {}\n", encoding.ids[i], place, shown(tokenizer.id_to_token(encoding.ids[i])));
  }
}

void print_json(const Tokenizer& tokenizer, std::string_view line, const Encoding& encoding) {
  ordered_json tokens = ordered_json::array();
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    tokens.push_back({{"id", encoding.ids[i]},
                      {"token", replace_invalid_utf8(tokenizer.id_to_token(encoding.ids[i]))},
                      {"begin", encoding.offsets[i].begin},
                      {"end", encoding.offsets[i].end},
                      {"special", encoding.special_tokens_mask[i] != 0}});
  }
  print("{}\n", ordered_json{{"text", replace_invalid_utf8(line)}, {"tokens", std::move(tokens)}}.dump());
}

void inspect(const InspectArguments& arguments) {
  const Tokenizer tokenizer = Tokenizer::load(arguments.tokenizer, arguments.load);
  const bool color = wants_color(arguments.color);
  EncodeOptions options{.add_special_tokens = !arguments.without_special_tokens};
  if (arguments.special_as_text) options.special_tokens_as_text = true;
  catch_interrupts();
  LineInput input(arguments.file);
  LineProgress progress("inspected", input.size(), input.is_typed());
  while (true) {
    const std::vector<std::string_view> lines = input.next();
    if (lines.empty()) return;
    progress.begin(lines);
    for (const std::string_view line : lines) {
      const Encoding encoding = tokenizer.encode_with_offsets(line, options);
      arguments.json ? print_json(tokenizer, line, encoding) : print_tokens(tokenizer, line, encoding, color);
    }
    flush_stdout();
    progress.done(std::ssize(lines));
  }
}

struct CompareArguments {
  std::vector<std::string> tokenizers;
  std::string file;
  TokenizerLoadOptions load;
  bool json = false;
};

void print_table(const std::vector<std::string>& names, const std::vector<TokenizerStatistics>& all) {
  size_t width = 9;
  for (const std::string& name : names) width = std::max(width, name.size());
  print("{:<{}}  {:>8}  {:>8}  {:>10}  {:>11}  {:>9}  longest pieces\n", "tokenizer", width, "tokens", "used", "tokens/word", "bytes/token",
        "unknown");
  for (size_t i = 0; i < all.size(); ++i) {
    std::string longest;
    for (const std::string& piece : all[i].longest_pieces) longest += (longest.empty() ? "" : " ") + shown(piece);
    print("{:<{}}  {:>8}  {:>8}  {:>11.3f}  {:>11.3f}  {:>7.3f} %  {}\n", names[i], width, all[i].vocab_size, all[i].used,
          all[i].tokens_per_word(), all[i].bytes_per_token(), 100 * all[i].unknown_rate(), longest);
  }
}

void compare(const CompareArguments& arguments) {
  catch_interrupts();
  LineInput input(arguments.file);
  std::vector<std::string_view> lines;
  std::string_view text = input.whole();
  while (!text.empty()) {
    const size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    if (lines.back().ends_with('\r')) lines.back().remove_suffix(1);
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (lines.empty()) fail(ErrorCode::bad_input, "{} is empty; compare needs a text", input.name());
  std::vector<TokenizerStatistics> all;
  ProgressLine line;
  for (const std::string& path : arguments.tokenizers) {
    throw_if_interrupted();
    line.begin("encoding with " + path);
    all.push_back(measure_tokenizer(Tokenizer::load(path, arguments.load), lines));
  }
  line.clear();
  if (!arguments.json) return print_table(arguments.tokenizers, all);
  for (size_t i = 0; i < all.size(); ++i) {
    const TokenizerStatistics& one = all[i];
    ordered_json pieces = ordered_json::array();
    for (const std::string& piece : one.longest_pieces) pieces.push_back(replace_invalid_utf8(piece));
    print("{}\n", ordered_json{{"tokenizer", arguments.tokenizers[i]},
                               {"vocab_size", one.vocab_size},
                               {"used", one.used},
                               {"bytes", one.bytes},
                               {"words", one.words},
                               {"tokens", one.tokens},
                               {"unknown_tokens", one.unknown_tokens},
                               {"tokens_per_word", one.tokens_per_word()},
                               {"bytes_per_token", one.bytes_per_token()},
                               {"unknown_rate", one.unknown_rate()},
                               {"longest_pieces", std::move(pieces)}}
                      .dump());
  }
}

}  // namespace

void add_tokenizer_inspect(CLI::App& tokenizer) {
  CLI::App* command = tokenizer.add_subcommand("inspect", "Show the tokens of each line of text with their ids and places");
  auto arguments = std::make_shared<InspectArguments>();
  command->add_option("--tokenizer", arguments->tokenizer, "Directory of a tokenizer or a model, or its file")
      ->required()
      ->type_name("DIR|FILE");
  add_tiktoken_pattern_option(*command, arguments->load);
  command->add_flag("--no-special", arguments->without_special_tokens, "Leave out the tokens that the tokenizer puts around a text");
  command->add_flag("--special-tokens-as-text", arguments->special_as_text,
                    "Read special tokens that the text spells out, </s> say, as ordinary characters");
  command->add_option("--color", arguments->color, "Tokens in colours: auto (on a terminal), always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN")
      ->capture_default_str();
  command->add_flag("--json", arguments->json, "A JSON object for each line");
  command->add_option("file", arguments->file, "Text in UTF-8 (default: stdin)")->type_name("FILE");
  command->footer(
      "Places are bytes of the line, begin-end; \"added\" are tokens that the tokenizer puts around a text.\n"
      "Example: echo \"A man rides a bicycle.\" | qkv tokenizer inspect --tokenizer my-model");
  command->callback([command, arguments] {
    if (arguments->json) refuse_given(*command, {"--color"}, "--json has no colours");
    inspect(*arguments);
  });
}

void add_tokenizer_compare(CLI::App& tokenizer) {
  CLI::App* command = tokenizer.add_subcommand("compare", "How well several tokenizers fit a text");
  auto arguments = std::make_shared<CompareArguments>();
  command->add_option("tokenizers", arguments->tokenizers, "Directories or files of tokenizers")->required()->type_name("DIR|FILE");
  add_tiktoken_pattern_option(*command, arguments->load);
  command->add_option("--text", arguments->file, "Text in UTF-8 (default: stdin)")->type_name("FILE");
  command->add_flag("--json", arguments->json, "A JSON object for each tokenizer");
  command->footer(
      "used: different tokens that occur; words are parted by white space; unknown: share of tokens that stand for what is not in the\n"
      "vocabulary. Example: qkv tokenizer compare --text test.de my-bpe my-unigram");
  command->callback([arguments] { compare(*arguments); });
}

}  // namespace qkv
