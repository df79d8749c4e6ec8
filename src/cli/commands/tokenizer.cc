// qkv tokenizer: train one on text, encode text with it, decode ids.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/line_reader.h"
#include "cli/output.h"
#include "qkv/tokenizer.h"
#include "text/tokenizer_trainer.h"
#include "text/utf8.h"

namespace qkv {
namespace {

const std::map<std::string, Pipeline> kModels{
    {"bpe", Pipeline::sentences},   {"byte-bpe", Pipeline::byte_pairs}, {"wordpiece", Pipeline::word_pieces},
    {"unigram", Pipeline::unigram}, {"wordlevel", Pipeline::words},     {"char", Pipeline::characters},
    {"byte", Pipeline::bytes}};
const std::map<std::string, WordPieceScore> kScores{
    {"likelihood", WordPieceScore::likelihood}, {"gain", WordPieceScore::gain}, {"frequency", WordPieceScore::frequency}};

template <typename Value>
std::vector<std::string> names_of(const std::map<std::string, Value>& map) {
  std::vector<std::string> names;
  for (const auto& [name, value] : map) names.push_back(name);
  return names;
}

struct TrainArguments {
  std::string model = "bpe", score = "likelihood", output;
  std::vector<std::string> files;
  bool overwrite = false;
  int64_t memory_mb = 4096;
  TokenizerTrainerOptions options;
};

void run_training(const TrainArguments& arguments) {
  const std::filesystem::path output = arguments.output;
  if (!arguments.overwrite && std::filesystem::exists(output)) {
    fail(ErrorCode::invalid_argument, "--output {} exists; name another directory, or add --overwrite to replace the tokenizer in it",
         arguments.output);
  }
  catch_interrupts();
  const std::vector<std::filesystem::path> files(arguments.files.begin(), arguments.files.end());
  TokenizerTrainerOptions options = arguments.options;
  options.pipeline = kModels.at(arguments.model);
  options.score = kScores.at(arguments.score);
  options.memory = arguments.memory_mb << 20;
  ProgressLine line;
  options.progress = [&](std::string_view text) { line.show(text); };
  const Tokenizer tokenizer = train_tokenizer(options, files);
  line.clear();
  tokenizer.save(output);
  log_info("{}: a tokenizer of {} tokens", arguments.output, tokenizer.vocab_size());
}

// The lines of a file, or of stdin where none is named; block by block. A file is mapped, so its lines may be of any length.
class Input {
 public:
  explicit Input(const std::string& path) : name_(path.empty() ? "standard input" : path) {
    std::error_code ignored;
    if (std::filesystem::is_regular_file(path, ignored)) {
      file_ = MappedFile(path);
      return;
    }
    if (!path.empty()) descriptor_ = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor_ < 0) fail(ErrorCode::io, "cannot read {}: {}", path, std::generic_category().message(errno));
    reader_.emplace(descriptor_, name_);
  }
  ~Input() {
    if (descriptor_ > STDIN_FILENO) ::close(descriptor_);
  }
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;

  const std::string& name() const { return name_; }
  int64_t first_line() const { return first_line_; }  // number of the block's first line, from 1

  // The next block, valid until the next call; empty at the end.
  std::vector<std::string_view> next() {
    throw_if_interrupted();
    first_line_ += static_cast<int64_t>(lines_in_block_);
    std::vector<std::string_view> lines;
    if (reader_) {
      block_ = reader_->next(kMostLines);
      lines.assign(block_.begin(), block_.end());
    }
    const std::string_view text = file_.text();
    for (const size_t start = position_; position_ < text.size() && lines.size() < kMostLines && position_ - start < kMostBytes;) {
      const size_t end = std::min(text.find('\n', position_), text.size());
      lines.push_back(text.substr(position_, end - position_));
      if (lines.back().ends_with('\r')) lines.back().remove_suffix(1);
      position_ = end + 1;
    }
    lines_in_block_ = lines.size();
    return lines;
  }

 private:
  static constexpr size_t kMostLines = 16384, kMostBytes = size_t{8} << 20;
  std::string name_;
  MappedFile file_;
  size_t position_ = 0;
  int descriptor_ = STDIN_FILENO;
  std::optional<LineReader> reader_;
  std::vector<std::string> block_;
  int64_t first_line_ = 1;
  size_t lines_in_block_ = 0;
};

// Calls convert(line, number) on all threads, and prints what it returns for each line in the order of the lines.
template <typename Convert>
void convert_lines(Input& input, const Convert& convert) {
  catch_interrupts();
  while (true) {
    const std::vector<std::string_view> lines = input.next();
    if (lines.empty()) return;
    std::vector<std::string> results(lines.size());
    std::vector<std::unique_ptr<Error>> faults(lines.size());
    parallel_for(static_cast<int64_t>(lines.size()), [&](int64_t i) {
      const auto at = static_cast<size_t>(i);
      try {
        results[at] = convert(lines[at], input.first_line() + i);
      } catch (const Error& error) {  // kept, so that the first bad line is named on any number of threads
        faults[at] = std::make_unique<Error>(error);
      }
    });
    for (size_t i = 0; i < lines.size(); ++i) {
      if (faults[i]) throw *faults[i];
      write_stdout(results[i]);
      write_stdout("\n");
    }
    flush_stdout();
  }
}

struct UseArguments {
  std::string tokenizer, file;
  bool without_special_tokens = false, with_special_tokens = false;
};

void encode_lines(const UseArguments& arguments) {
  const Tokenizer tokenizer = Tokenizer::load(arguments.tokenizer);
  Input input(arguments.file);
  convert_lines(input, [&](std::string_view line, int64_t number) {
    if (!is_valid_utf8(line)) log_warning("{}: line {} is not valid UTF-8; what is wrong is read as U+FFFD", input.name(), number);
    std::string text;
    for (const int32_t id : tokenizer.encode(line, !arguments.without_special_tokens)) {
      fmt::format_to(std::back_inserter(text), "{}{}", text.empty() ? "" : " ", id);
    }
    return text;
  });
}

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

void decode_lines(const UseArguments& arguments) {
  const Tokenizer tokenizer = Tokenizer::load(arguments.tokenizer);
  Input input(arguments.file);
  convert_lines(input, [&](std::string_view line, int64_t number) {
    const std::vector<int32_t> ids = parse_ids(line, input.name(), number);
    for (const int32_t id : ids) {
      if (id < 0 || id >= tokenizer.vocab_size()) {
        fail(ErrorCode::bad_input, "{}: line {} has the id {}; the tokenizer's ids are 0 to {}", input.name(), number, id,
             tokenizer.vocab_size() - 1);
      }
    }
    return tokenizer.decode(ids, !arguments.with_special_tokens);
  });
}

void add_train(CLI::App& app) {
  CLI::App* command = app.add_subcommand("train", "Train a tokenizer on text files, all of them together");
  auto arguments = std::make_shared<TrainArguments>();
  TokenizerTrainerOptions& options = arguments->options;
  command->add_option("--model", arguments->model, "Kind of model: bpe, byte-bpe, wordpiece, unigram, wordlevel, char or byte")
      ->check(CLI::IsMember(names_of(kModels)))
      ->type_name("KIND")
      ->capture_default_str();
  command->add_option("--vocab-size", options.vocab_size, "Tokens, special ones and single characters included")
      ->check(CLI::Range(4, 10'000'000))
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option("--min-frequency", options.min_frequency,
                   "Join pairs that occur at least this often; of wordlevel: words that are tokens; not of unigram")
      ->type_name("N")
      ->capture_default_str();
  command
      ->add_option(
          "--score", arguments->score,
          "What wordpiece joins next: likelihood, c(ab)/(c(a)c(b)); gain, of the corpus's log-likelihood; frequency, as tokenizers")
      ->check(CLI::IsMember(names_of(kScores)))
      ->type_name("SCORE")
      ->capture_default_str();
  command->add_option("--limit-alphabet", options.limit_alphabet, "Keep only the N most frequent characters (default: all)")
      ->check(CLI::PositiveNumber)
      ->type_name("N");
  command->add_option("--character-coverage", options.character_coverage, "Keep as many characters as make up this share of the text")
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--initial-alphabet", options.initial_alphabet, "Characters that are tokens in any case")->type_name("TEXT");
  command->add_flag("--byte-fallback", options.byte_fallback, "Of unigram: a character that is no token becomes its bytes");
  command->add_option("--special-token", options.special_tokens, "A token besides those of the model; may be given several times")
      ->allow_extra_args(false)
      ->type_name("TOKEN");
  command->add_option("--memory", arguments->memory_mb, "MB to stay below; of a text with more different words, rare ones are dropped")
      ->check(CLI::Range(64, 1 << 30))
      ->type_name("MB")
      ->capture_default_str();
  command->add_option("--output", arguments->output, "Directory to write tokenizer.json and tokenizer_config.json to")
      ->required()
      ->type_name("DIR");
  command->add_flag("--overwrite", arguments->overwrite, "Replace a tokenizer that is there");
  command->add_option("files", arguments->files, "Text files in UTF-8")->required()->type_name("FILE");
  command->footer(
      "bpe, unigram, wordlevel: lines, normalized (NFC, each run of white space to one space); bpe and wordlevel part them at spaces and\n"
      "punctuation, unigram at spaces. </s>, <unk> and <pad> are 0, 1 and 2. wordpiece: lines in NFC, parted at white space and "
      "punctuation;\n"
      "[PAD], [UNK], [CLS], [SEP] and [MASK] are 0 to 4. byte-bpe, byte, char: a file is one text, taken as it is; <|endoftext|> is 0.\n"
      "Hugging Face's tokenizers and transformers (AutoTokenizer) open the directory.\n"
      "Example: qkv tokenizer train --vocab-size 8000 --output my-tokenizer train.en train.de");
  command->callback([arguments] { run_training(*arguments); });
}

std::shared_ptr<UseArguments> add_use_options(CLI::App& command, const char* what) {
  auto arguments = std::make_shared<UseArguments>();
  command.add_option("--tokenizer", arguments->tokenizer, "Directory with a tokenizer.json, or the file itself")
      ->required()
      ->type_name("DIR");
  command.add_option("file", arguments->file, what)->type_name("FILE");
  return arguments;
}

}  // namespace

void add_tokenizer_command(CLI::App& app) {
  CLI::App* command = app.add_subcommand("tokenizer", "Train a tokenizer, encode text, decode ids");
  command->require_subcommand(1);
  add_train(*command);

  CLI::App* encode = command->add_subcommand("encode", "Print the ids of each line of text");
  const auto encode_arguments = add_use_options(*encode, "Text in UTF-8 (default: stdin)");
  encode->add_flag("--no-special-tokens", encode_arguments->without_special_tokens,
                   "Leave out the tokens that the tokenizer puts around a text");
  encode->callback([encode_arguments] { encode_lines(*encode_arguments); });

  CLI::App* decode = command->add_subcommand("decode", "Print the text of each line of ids");
  const auto decode_arguments = add_use_options(*decode, "Ids separated by spaces, a text per line (default: stdin)");
  decode->add_flag("--special-tokens", decode_arguments->with_special_tokens, "Print special tokens, too");
  decode->callback([decode_arguments] { decode_lines(*decode_arguments); });
}

}  // namespace qkv
