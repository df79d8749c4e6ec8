// qkv tokenizer train.
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands/tokenizer.h"
#include "cli/exclusions.h"
#include "cli/letters.h"
#include "cli/numbers.h"
#include "cli/program.h"
#include "qkv/tokenizer_trainer.h"

namespace qkv {
namespace {

const std::map<std::string, TokenizerPipeline> kModels{
    {"bpe", TokenizerPipeline::sentences},   {"byte-bpe", TokenizerPipeline::byte_pairs}, {"wordpiece", TokenizerPipeline::word_pieces},
    {"unigram", TokenizerPipeline::unigram}, {"wordlevel", TokenizerPipeline::words},     {"char", TokenizerPipeline::characters},
    {"byte", TokenizerPipeline::bytes}};
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
  check_can_write_in(output, "--output " + arguments.output);
  std::error_code error;
  if (!arguments.overwrite && std::filesystem::exists(output, error) && !is_empty_directory(output)) {
    fail(ErrorCode::invalid_argument, "--output {} exists; name another directory, or add --overwrite to replace the tokenizer in it",
         arguments.output);
  }
  catch_interrupts();
  const std::vector<std::filesystem::path> files(arguments.files.begin(), arguments.files.end());
  TokenizerTrainerOptions options = arguments.options;
  options.pipeline = kModels.at(arguments.model);
  options.score = kScores.at(arguments.score);
  options.memory = arguments.memory_mb << 20;
  options.cancellation = program_cancellation();
  ProgressLine line;
  options.progress = [&](std::string_view text) { line.show(text); };
  const Tokenizer tokenizer = train_tokenizer(options, files);
  line.clear();
  tokenizer.save(output);
  log_info("{}: a tokenizer of {} tokens", arguments.output, tokenizer.vocab_size());
}

// Options of other kinds of models.
void refuse_unused(const CLI::App& command, const std::string& model) {
  const std::string this_one = "--model " + model;
  const bool fixed = model == "char" || model == "byte", of_bytes = model == "byte" || model == "byte-bpe";
  if (model != "wordpiece") refuse_given(command, {"--score"}, "it is of --model wordpiece, this is " + this_one);
  if (fixed) refuse_given(command, {"--vocab-size", "--min-frequency"}, this_one + " joins nothing");
  if (model == "unigram") refuse_given(command, {"--min-frequency"}, this_one + " does not count pairs");
  if (of_bytes) refuse_given(command, {"--limit-alphabet", "--character-coverage"}, this_one + " has every byte in any case");
  if (model == "wordlevel")
    refuse_given(command, {"--limit-alphabet", "--character-coverage", "--initial-alphabet"}, this_one + " has words alone");
}

}  // namespace

void add_tokenizer_train(CLI::App& tokenizer) {
  CLI::App* command = tokenizer.add_subcommand("train", "Train a tokenizer on text files, all of them together");
  auto arguments = std::make_shared<TrainArguments>();
  TokenizerTrainerOptions& options = arguments->options;
  command->add_option("--model", arguments->model, "Kind of model: bpe, byte-bpe, wordpiece, unigram, wordlevel, char or byte")
      ->check(CLI::IsMember(names_of(kModels)))
      ->type_name("KIND")
      ->capture_default_str();
  command
      ->add_option("--vocab-size", options.vocab_size,
                   "Tokens, exactly, special ones and single characters included (default: what the text yields, up to 8000)")
      ->check(between(4, 10'000'000))
      ->type_name("N");
  command
      ->add_option("--min-frequency", options.min_frequency,
                   "Join pairs that occur at least this often; of wordlevel: words that are tokens; not of unigram")
      ->check(at_least(options.min_frequency, 0))
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
      ->check(at_least(options.limit_alphabet, 1))
      ->type_name("N");
  command->add_option("--character-coverage", options.character_coverage, "Keep as many characters as make up this share of the text")
      ->check(between(0.0, 1.0))
      ->type_name("SHARE")
      ->capture_default_str();
  command->add_option("--initial-alphabet", options.initial_alphabet, "Characters that are tokens in any case")->type_name("TEXT");
  command->add_flag("--byte-fallback", options.byte_fallback, "Of unigram: a character that is no token becomes its bytes");
  command
      ->add_option("--special-token", options.special_tokens,
                   "A token besides those of the model, which encode finds in a text (training and translating read it as text); may be "
                   "given several times")
      ->allow_extra_args(false)
      ->type_name("TOKEN");
  command->add_option("--memory", arguments->memory_mb, "MB to stay below; of a text with more different words, rare ones are dropped")
      ->check(between(64, 1 << 30))
      ->type_name("MB")
      ->capture_default_str();
  command->add_option(with_letter("--output"), arguments->output, "Directory to write tokenizer.json and tokenizer_config.json to")
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
  command->callback([command, arguments] {
    refuse_unused(*command, arguments->model);
    run_training(*arguments);
  });
}

}  // namespace qkv
