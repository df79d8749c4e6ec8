#include "lab/tasks/texts.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <map>
#include <mutex>

#include "base/error.h"
#include "base/files.h"
#include "data/numbers.h"
#include "data/text_corpus.h"
#include "lab/tasks/words.h"

namespace qkv::lab {
namespace {

// A key with the properties of a tokenizer that the lab varies.
std::string name_of(const TokenizerTrainerOptions& tokenizer) {
  return fmt::format("{}-{}-{}-{}-{}", static_cast<int>(tokenizer.pipeline), tokenizer.vocab_size.value_or(0), tokenizer.min_frequency,
                     static_cast<int>(tokenizer.score), tokenizer.special_tokens.size());
}

std::string key_of(const Job& job, const TokenizerTrainerOptions& tokenizer) {
  return fmt::format("{}|{}", job.scratch.string(), name_of(tokenizer));
}

// One object per key, made by the first caller.
template <typename T, typename Make>
const T& shared(const std::string& key, Make&& make) {
  static std::mutex mutex;
  static std::map<std::string, std::unique_ptr<T>> all;
  const std::lock_guard lock(mutex);
  std::unique_ptr<T>& found = all[key];
  if (!found) found = make();
  return *found;
}

std::string spelled_numbers() {
  const NumberSpeller speller("en");
  std::string text;
  for (const int32_t number : choose_numbers(20000, 1).train) text += fmt::format("{} is {}\n", number, speller.spell(number));
  return text;
}

void write_lines(const std::filesystem::path& path, std::span<const std::string> lines) {
  write_file_atomically(path, fmt::format("{}\n", fmt::join(lines, "\n")));
}

}  // namespace

const PlainText& PlainText::of(const Job& job, const TokenizerTrainerOptions& tokenizer) {
  return shared<PlainText>(key_of(job, tokenizer), [&] { return std::unique_ptr<PlainText>(new PlainText(job, tokenizer)); });
}

PlainText::PlainText(const Job& job, const TokenizerTrainerOptions& tokenizer) : cancellation_(job.cancellation) {
  std::filesystem::path path = job.data.text;
  if (path.empty()) {
    path = job.scratch / "numbers.txt";
    write_file_atomically(path, spelled_numbers());
  }
  const TextSplit split = split_text(path, 0.1);
  tokenizer_ = std::make_unique<Tokenizer>(train_tokenizer(job.cancellable(tokenizer), std::span(&split.first, 1)));
  const EncodeOptions as_text{.add_special_tokens = false, .special_tokens_as_text = true, .find_tags = true};
  training_ = tokenizer_->encode(view_of(split.first), as_text);
  test_ = tokenizer_->encode(view_of(split.second), as_text);
  bytes_per_token_ = static_cast<double>(view_of(split.second).size()) / static_cast<double>(test_.size());
}

Batch random_windows(std::span<const int32_t> tokens, int64_t sequences, int64_t context, RandomStream random) {
  QKV_REQUIRE(std::ssize(tokens) > context + 1, "the text has {} tokens to learn from; windows of {} need more", tokens.size(), context);
  Batch batch;
  for (int64_t i = 0; i < sequences; ++i) {
    const auto from = tokens.begin() + static_cast<int64_t>(random.below(tokens.size() - context));
    batch.input.ids.insert(batch.input.ids.end(), from, from + context);
    batch.targets.insert(batch.targets.end(), from + 1, from + context + 1);
  }
  batch.input.segments = Segments::of_lengths(std::vector<int32_t>(sequences, static_cast<int32_t>(context)));
  return batch;
}

Batch PlainText::training_batch(int64_t sequences, int64_t context, RandomStream random) const {
  return random_windows(training_, sequences, context, random);
}

Batch PlainText::test_batch(int64_t first, int64_t count, int64_t context) const {
  QKV_REQUIRE((first + count) * context < std::ssize(test_), "the text has {} tokens to be judged by; {} windows of {} need more",
              test_.size(), first + count, context);
  const auto from = test_.begin() + first * context, to = from + count * context;
  return {{{from, to}, Segments::of_lengths(std::vector<int32_t>(count, static_cast<int32_t>(context)))}, {from + 1, to + 1}};
}

double PlainText::bits_per_byte(const Network& network, int64_t windows, int64_t context, DType dtype) const {
  windows = std::min(windows, (std::ssize(test_) - 1) / context);
  QKV_REQUIRE(windows > 0, "the text has {} tokens to be judged by; windows of {} need more", test_.size(), context);
  const Judgement judgement = judge(
      cancellation_, network, windows, [&](int64_t i) { return test_batch(i, 1, context); }, dtype);
  return judgement.loss / std::log(2.0) / bytes_per_token_;
}

const Pairs& Pairs::of(const Job& job, const TokenizerTrainerOptions& tokenizer, bool parted_words) {
  const std::string name = fmt::format("pairs-{}{}", name_of(tokenizer), parted_words ? "-parted" : "");
  return shared<Pairs>(fmt::format("{}|{}", job.scratch.string(), name), [&] {
    const auto directory = job.scratch / name;
    std::filesystem::create_directories(directory);
    return std::unique_ptr<Pairs>(new Pairs(job, tokenizer, parted_words, directory));
  });
}

Pairs::Pairs(const Job& job, const TokenizerTrainerOptions& tokenizer, bool parted_words, const std::filesystem::path& directory)
    : directory_(directory), cancellation_(job.cancellation) {
  std::filesystem::path source = job.data.translation_source, target = job.data.translation_target;
  if (source.empty()) {
    write_numbers({.count = 20000, .output = directory / "numbers", .cancellation = job.cancellation});
    source = directory / "numbers" / "train.en";
    target = directory / "numbers" / "train.de";
  }
  constexpr int64_t kHeldOut = 1000;
  std::vector<std::string> sources = read_lines(source), targets = read_lines(target);
  QKV_REQUIRE(sources.size() == targets.size(), "{} has {} lines, {} has {}", source.string(), sources.size(), target.string(),
              targets.size());
  QKV_REQUIRE(std::ssize(sources) >= 2 * kHeldOut, "{} has {} lines; the lab needs {} at least", source.string(), sources.size(),
              2 * kHeldOut);
  if (parted_words) {
    std::transform(sources.begin(), sources.end(), sources.begin(), parted);
    std::transform(targets.begin(), targets.end(), targets.begin(), parted);
  }
  const int64_t train_count = std::ssize(sources) - kHeldOut;
  test_sources_.assign(sources.begin() + train_count, sources.end());
  test_references_.assign(targets.begin() + train_count, targets.end());
  sources.resize(train_count);
  targets.resize(train_count);
  training_sources_ = std::move(sources);
  training_targets_ = std::move(targets);
  const std::filesystem::path files[] = {directory / "train.source", directory / "train.target"};
  write_lines(files[0], training_sources_);
  write_lines(files[1], training_targets_);
  tokenizer_ = std::make_unique<Tokenizer>(train_tokenizer(job.cancellable(tokenizer), files));
  write_lines(directory / "test.source", test_sources_);
  write_lines(directory / "test.target", test_references_);
  test(4096, 0);  // builds its token cache
  corpus_.emplace(ParallelCorpus::build(
      {.source = files[0], .target = files[1], .cache = directory / "tokens", .cancellation = cancellation_}, *tokenizer_));
}

TrainingBatch Pairs::training_batch(int64_t pairs, int32_t decoder_start, RandomStream random) const {
  std::vector<int32_t> chosen(static_cast<size_t>(pairs));
  for (int32_t& pair : chosen) pair = static_cast<int32_t>(random.below(corpus_->size()));
  return make_pair_batch(*corpus_, chosen, decoder_start);
}

std::unique_ptr<PairSource> Pairs::training(uint64_t seed, int64_t batch_tokens, int32_t decoder_start) const {
  return std::make_unique<PairSource>(ParallelCorpus::build({.source = directory_ / "train.source",
                                                             .target = directory_ / "train.target",
                                                             .cache = directory_ / "tokens",
                                                             .cancellation = cancellation_},
                                                            *tokenizer_),
                                      BatchOptions{.batch_tokens = batch_tokens, .seed = seed}, decoder_start);
}

std::unique_ptr<PairSource> Pairs::test(int64_t batch_tokens, int32_t decoder_start) const {
  return std::make_unique<PairSource>(ParallelCorpus::build({.source = directory_ / "test.source",
                                                             .target = directory_ / "test.target",
                                                             .cache = directory_ / "test-tokens",
                                                             .cancellation = cancellation_},
                                                            *tokenizer_),
                                      BatchOptions{.batch_tokens = batch_tokens, .seed = 1}, decoder_start);
}

std::unique_ptr<TranslationValidation> Pairs::validation(int64_t lines, DType dtype) const {
  static std::mutex mutex;
  const std::lock_guard lock(mutex);
  const auto count = static_cast<size_t>(std::min<int64_t>(lines, std::ssize(test_sources_)));
  const std::vector<std::string> sources(test_sources_.begin(), test_sources_.begin() + static_cast<int64_t>(count));
  const std::vector<std::string> references(test_references_.begin(), test_references_.begin() + static_cast<int64_t>(count));
  const std::filesystem::path source = directory_ / fmt::format("test.{}.source", lines),
                              target = directory_ / fmt::format("test.{}.target", lines);
  write_lines(source, sources);
  write_lines(target, references);
  return std::make_unique<TranslationValidation>(
      ParallelCorpus::build(
          {.source = source, .target = target, .cache = directory_ / fmt::format("test-tokens.{}", lines), .cancellation = cancellation_},
          *tokenizer_),
      sources, references, *tokenizer_, TranslationValidationOptions{.dtype = dtype, .cancellation = cancellation_});
}

}  // namespace qkv::lab
