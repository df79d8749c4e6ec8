// qkv tokenizer encode and decode: one output line per input line.
#include <algorithm>
#include <charconv>
#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "base/utf8.h"
#include "cli/commands/tokenizer.h"
#include "cli/line_input.h"
#include "cli/line_progress.h"
#include "cli/output.h"
#include "cli/program.h"
#include "qkv/tokenizer.h"

namespace qkv {
namespace {

// `done`: "encoded", say. Calls convert(line, number) on all threads and prints the results in the order of the lines.
template <typename Convert>
void convert_lines(LineInput& input, std::string_view done, const Convert& convert) {
  catch_interrupts();
  LineProgress progress(done, input.size(), input.is_typed());
  while (true) {
    const std::vector<std::string_view> lines = input.next();
    if (lines.empty()) return;
    progress.begin(lines);
    std::vector<std::string> results(lines.size());
    std::vector<std::exception_ptr> faults(lines.size());
    parallel_for(static_cast<int64_t>(lines.size()), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      try {
        results[at] = convert(lines[at], input.first_line() + i);
      } catch (const Error&) {  // kept, so that the error is that of the first bad line, with any number of threads
        faults[at] = std::current_exception();
      }
    });
    for (size_t i = 0; i < lines.size(); ++i) {
      if (faults[i]) std::rethrow_exception(faults[i]);
      write_stdout(results[i]);
      write_stdout("\n");
    }
    flush_stdout();
    progress.done(std::ssize(lines));
  }
}

struct EncodeArguments {
  std::string tokenizer, file;
  TokenizerLoadOptions load;
  bool without_special_tokens = false, special_as_text = false, whole = false;

  EncodeOptions options() const {
    EncodeOptions options{.add_special_tokens = !without_special_tokens};
    if (special_as_text) options.special_tokens_as_text = true;
    return options;
  }
};

std::string ids_of(const Tokenizer& tokenizer, std::string_view text, const EncodeOptions& options) {
  std::string line;
  for (const int32_t id : tokenizer.encode(text, options)) {
    fmt::format_to(std::back_inserter(line), "{}{}", line.empty() ? "" : " ", id);
  }
  return line;
}

void encode_whole(const Tokenizer& tokenizer, const EncodeArguments& arguments) {
  catch_interrupts();
  LineInput input(arguments.file);
  const std::string_view text = input.whole();
  ProgressLine line;
  line.begin("encoding " + input.name());
  if (!is_valid_utf8(text)) log_warning("{} is not valid UTF-8; what is wrong is read as U+FFFD", input.name());
  write_stdout(ids_of(tokenizer, text, arguments.options()) + "\n");
}

void encode_lines(const Tokenizer& tokenizer, const EncodeArguments& arguments) {
  LineInput input(arguments.file);
  convert_lines(input, "encoded", [&](std::string_view line, int64_t number) {
    if (!is_valid_utf8(line)) log_warning("{}: line {} is not valid UTF-8; what is wrong is read as U+FFFD", input.name(), number);
    return ids_of(tokenizer, line, arguments.options());
  });
}

struct DecodeArguments {
  std::string tokenizer, file;
  TokenizerLoadOptions load;
  bool with_special_tokens = false, whole = false;
};

std::vector<int32_t> parse_ids(std::string_view line, const std::string& name, int64_t number) {
  std::vector<int32_t> ids;
  while (true) {
    line.remove_prefix(std::min(line.find_first_not_of(" \t"), line.size()));
    if (line.empty()) return ids;
    const std::string_view word = line.substr(0, line.find_first_of(" \t"));
    int32_t id = 0;
    const auto [end, error] = std::from_chars(word.data(), word.data() + word.size(), id);
    if (error != std::errc() || end != word.data() + word.size()) {
      fail(ErrorCode::bad_input, "{}: line {} has \"{}\" where an id must be; decode reads ids separated by spaces", name, number,
           replace_invalid_utf8(word.substr(0, 40)));
    }
    ids.push_back(id);
    line.remove_prefix(word.size());
  }
}

std::vector<int32_t> known_ids(const Tokenizer& tokenizer, std::string_view line, const std::string& name, int64_t number) {
  std::vector<int32_t> ids = parse_ids(line, name, number);
  for (const int32_t id : ids) {
    if (id < 0 || id >= tokenizer.vocab_size()) {
      fail(ErrorCode::bad_input, "{}: line {} has the id {}; the tokenizer's ids are 0 to {}", name, number, id,
           tokenizer.vocab_size() - 1);
    }
  }
  return ids;
}

// Writes a text on one line: line ends become the two characters \n or \r.
std::string escaped_line(const std::string& text) {
  std::string line;
  for (const char c : text) {
    if (c == '\n' || c == '\r') {
      line.append(c == '\n' ? "\\n" : "\\r");
    } else {
      line.push_back(c);
    }
  }
  return line;
}

void decode_lines(const Tokenizer& tokenizer, const DecodeArguments& arguments) {
  LineInput input(arguments.file);
  convert_lines(input, "decoded", [&](std::string_view line, int64_t number) {
    return escaped_line(tokenizer.decode(known_ids(tokenizer, line, input.name(), number), !arguments.with_special_tokens));
  });
}

void decode_whole(const Tokenizer& tokenizer, const DecodeArguments& arguments) {
  catch_interrupts();
  LineInput input(arguments.file);
  std::vector<int32_t> ids;
  LineProgress progress("read", input.size(), input.is_typed());
  while (true) {
    const std::vector<std::string_view> lines = input.next();
    if (lines.empty()) break;
    progress.begin(lines);
    for (size_t i = 0; i < lines.size(); ++i) {
      const std::vector<int32_t> more = known_ids(tokenizer, lines[i], input.name(), input.first_line() + static_cast<int64_t>(i));
      ids.insert(ids.end(), more.begin(), more.end());
    }
  }
  write_stdout(tokenizer.decode(ids, !arguments.with_special_tokens));
}

void add_tokenizer_option(CLI::App& command, std::string& tokenizer) {
  command
      .add_option("--tokenizer", tokenizer, "Directory of a tokenizer or a model, or its file: tokenizer.json, .model, vocab.txt, .gguf")
      ->required()
      ->type_name("DIR|FILE");
}

}  // namespace

void add_tiktoken_pattern_option(CLI::App& command, TokenizerLoadOptions& options) {
  command
      .add_option(
          "--tiktoken-pattern", options.tiktoken_pattern,
          "How a tiktoken rank file cuts texts: a family (gpt2, cl100k_base, llama3, qwen, …) or a regular expression (default: told "
          "by the file)")
      ->type_name("NAME|REGEX");
}

void add_tokenizer_encode(CLI::App& tokenizer) {
  CLI::App* command = tokenizer.add_subcommand("encode", "Print the ids of each line of text");
  auto arguments = std::make_shared<EncodeArguments>();
  add_tokenizer_option(*command, arguments->tokenizer);
  add_tiktoken_pattern_option(*command, arguments->load);
  command->add_flag("--no-special,--no-special-tokens", arguments->without_special_tokens,
                    "Leave out the tokens that the tokenizer puts around a text");
  command->add_flag("--special-tokens-as-text", arguments->special_as_text,
                    "Read special tokens that the text spells out, </s> say, as ordinary characters");
  command->add_flag("--whole", arguments->whole, "Take the whole input as one text");
  command->add_option("file", arguments->file, "Text in UTF-8 (default: stdin)")->type_name("FILE");
  command->callback([arguments] {
    const Tokenizer loaded = Tokenizer::load(arguments->tokenizer, arguments->load);
    arguments->whole ? encode_whole(loaded, *arguments) : encode_lines(loaded, *arguments);
  });
}

void add_tokenizer_decode(CLI::App& tokenizer) {
  CLI::App* command = tokenizer.add_subcommand("decode", "Print the text of each line of ids");
  auto arguments = std::make_shared<DecodeArguments>();
  add_tokenizer_option(*command, arguments->tokenizer);
  add_tiktoken_pattern_option(*command, arguments->load);
  command->add_flag("--special-tokens", arguments->with_special_tokens, "Print special tokens, too");
  command->add_flag("--whole", arguments->whole, "Take all ids as one text, and print it as it is");
  command->add_option("file", arguments->file, "Ids separated by spaces, a text per line (default: stdin)")->type_name("FILE");
  command->footer("Each text is one line: a line end within it is printed as \\n, a carriage return as \\r.");
  command->callback([arguments] {
    const Tokenizer loaded = Tokenizer::load(arguments->tokenizer, arguments->load);
    arguments->whole ? decode_whole(loaded, *arguments) : decode_lines(loaded, *arguments);
  });
}

}  // namespace qkv
