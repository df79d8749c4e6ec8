#include "text/training/tokenizer_trainer.h"

#include <algorithm>

#include "base/error.h"
#include "base/utf8.h"
#include "text/files/tokenizer_parts.h"
#include "text/token_models/byte_fallback.h"
#include "text/training/bpe_trainer.h"
#include "text/training/unigram_trainer.h"
#include "text/training/word_counts.h"

namespace qkv {
namespace {

using Options = TokenizerTrainerOptions;

constexpr int64_t kLeastMemory = int64_t{64} << 20, kDefaultSize = 8000;

void check_special_tokens(const Options& options) {
  std::vector<std::string> tokens = special_tokens_of(options.pipeline);
  const std::string names = fmt::format("{}", fmt::join(tokens, ", "));
  for (const std::string& token : options.special_tokens) {
    QKV_REQUIRE(!token.empty() && is_valid_utf8(token), "a special token must be text in UTF-8 and not empty");
    QKV_REQUIRE(std::find(tokens.begin(), tokens.end(), token) == tokens.end(),
                "the special token \"{}\" is named twice ({} are always there)", token, names);
    QKV_REQUIRE(!options.byte_fallback || byte_of_token(token) < 0, "the special token \"{}\" stands for a byte already", token);
    tokens.push_back(token);
  }
}

LearnOptions learn_options(const Options& options) {
  const int64_t vocab_size = options.vocab_size.value_or(kDefaultSize);
  QKV_REQUIRE(vocab_size > 0 && vocab_size <= std::numeric_limits<int32_t>::max(),
              "a vocabulary size of {} cannot be; common are 4,000 to 64,000", vocab_size);
  QKV_REQUIRE(options.limit_alphabet > 0, "an alphabet of {} characters cannot be", options.limit_alphabet);
  QKV_REQUIRE(options.character_coverage > 0 && options.character_coverage <= 1,
              "a character coverage of {} cannot be; it is a share of the text, above 0 and at most 1", options.character_coverage);
  QKV_REQUIRE(is_valid_utf8(options.initial_alphabet), "the initial alphabet must be text in UTF-8");
  QKV_REQUIRE(!options.byte_fallback || options.pipeline == TokenizerPipeline::unigram, "byte fallback is for Unigram only");
  QKV_REQUIRE(options.memory >= kLeastMemory, "{} bytes of memory are too few to train a tokenizer; give at least {} MB", options.memory,
              kLeastMemory >> 20);
  check_special_tokens(options);
  LearnOptions learn{.vocab_size = static_cast<size_t>(vocab_size),
                     .min_frequency = options.min_frequency,
                     .limit_alphabet = static_cast<size_t>(options.limit_alphabet),
                     .character_coverage = options.character_coverage,
                     .initial_alphabet = initial_alphabet_of(options.pipeline),
                     .special_tokens = special_tokens_of(options.pipeline),
                     .progress = options.progress,
                     .cancellation = options.cancellation};
  if (has_fixed_vocabulary(options.pipeline)) learn.vocab_size = 0;
  if (options.pipeline == TokenizerPipeline::word_pieces) learn.continuing_prefix = kContinuingPrefix;
  learn.special_tokens.insert(learn.special_tokens.end(), options.special_tokens.begin(), options.special_tokens.end());
  for (size_t i = 0; i < options.initial_alphabet.size();) {
    const Character c = character_at(options.initial_alphabet, i);
    learn.initial_alphabet.push_back(c.code_point);
    i += c.length;
  }
  return learn;
}

// The rules for count_words, with the objects they point to.
struct Cutting {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  WordRules rules;
  explicit Cutting(const Options& options)
      : normalizer(training_normalizer(options.pipeline)),
        pre_tokenizer(training_pre_tokenizer(options.pipeline)),
        rules{normalizer.get(),
              pre_tokenizer.get(),
              !takes_lines(options.pipeline),
              options.document_separator,
              has_fixed_vocabulary(options.pipeline),
              static_cast<size_t>(options.memory / (options.pipeline == TokenizerPipeline::unigram ? 8 : 4)),
              options.progress,
              options.cancellation} {}
};

void check_size(const Options& options, const LearnOptions& learn, size_t tokens, size_t alphabet, size_t fixed) {
  if (fixed + alphabet > learn.vocab_size) {
    fail(ErrorCode::bad_input,
         "a vocabulary of {} tokens is too small: the text has {} different characters, and there are {} special tokens{}; make it larger "
         "or "
         "limit the alphabet",
         learn.vocab_size, alphabet, learn.special_tokens.size(), options.byte_fallback ? " and 256 bytes" : "");
  }
  if (tokens < learn.vocab_size && options.vocab_size && !options.vocab_size_is_upper_bound) {
    const bool counts = learn.min_frequency > 1 && options.pipeline != TokenizerPipeline::unigram;
    fail(ErrorCode::bad_input, "the text yields {} tokens at most{}, not {}; ask for a vocabulary of that size or less", tokens,
         counts ? fmt::format(" (of what occurs {} times or more)", learn.min_frequency) : "", learn.vocab_size);
  }
}

// The special tokens, the bytes if wanted, and the pieces.
TrainedVocabulary learn_unigram_vocabulary(const Options& options, const LearnOptions& learn, std::span<const WordCount> words) {
  LearnOptions pieces = learn;
  if (options.byte_fallback) {
    for (int byte = 0; byte < 256; ++byte) pieces.special_tokens.push_back(byte_token(static_cast<unsigned char>(byte)));
  }
  const size_t fixed = pieces.special_tokens.size();
  pieces.vocab_size -= std::min(pieces.vocab_size, fixed);
  const TrainedUnigram trained = learn_unigram(words, {}, pieces);
  check_size(options, learn, fixed + trained.pieces.size(), trained.alphabet, fixed);
  TrainedVocabulary result{.tokens = pieces.special_tokens, .byte_fallback = options.byte_fallback};
  result.scores.assign(fixed, 0.0);
  for (const auto& [piece, score] : trained.pieces) {
    result.tokens.push_back(piece);
    result.scores.push_back(score);
  }
  return result;
}

// The most frequent words; of equally frequent ones the first in byte order.
TrainedVocabulary learn_words(const Options& options, const LearnOptions& learn, std::vector<WordCount> words) {
  std::erase_if(words, [&](const WordCount& word) {
    const auto& special = learn.special_tokens;
    return word.count < learn.min_frequency || std::find(special.begin(), special.end(), word.word) != special.end();
  });
  std::stable_sort(words.begin(), words.end(), [](const WordCount& a, const WordCount& b) { return a.count > b.count; });
  words.resize(std::min(words.size(), learn.vocab_size - std::min(learn.vocab_size, learn.special_tokens.size())));
  TrainedVocabulary result{.tokens = learn.special_tokens};
  for (WordCount& word : words) result.tokens.push_back(std::move(word.word));
  check_size(options, learn, result.tokens.size(), 0, learn.special_tokens.size());
  return result;
}

TrainedVocabulary learn_vocabulary(const Options& options, const LearnOptions& learn, std::vector<WordCount> words) {
  const size_t special = learn.special_tokens.size();
  if (options.pipeline == TokenizerPipeline::unigram) return learn_unigram_vocabulary(options, learn, words);
  if (options.pipeline == TokenizerPipeline::words) return learn_words(options, learn, std::move(words));
  if (options.pipeline == TokenizerPipeline::word_pieces) {
    TrainedWordPieces trained = learn_word_pieces(words, options.score, learn);
    check_size(options, learn, trained.tokens.size(), trained.alphabet, special);
    return {.tokens = std::move(trained.tokens)};
  }
  TrainedBpe trained = learn_bpe(words, learn);
  if (!has_fixed_vocabulary(options.pipeline)) check_size(options, learn, trained.tokens.size(), trained.alphabet, special);
  return {.tokens = std::move(trained.tokens), .merges = std::move(trained.merges)};
}

// `source` names where the words are from.
std::string train(const Options& options, std::vector<WordCount> words, const std::string& source) {
  if (words.empty()) fail(ErrorCode::bad_input, "{}no text to train a tokenizer on; all lines are empty", source);
  const LearnOptions learn = learn_options(options);
  TrainedVocabulary trained = learn_vocabulary(options, learn, std::move(words));
  trained.special_tokens = learn.special_tokens.size();
  return trained_tokenizer_json(options.pipeline, trained);
}

Tokenizer open(std::string json) { return TokenizerAccess::from_json(std::move(json), "", "the trained tokenizer"); }

}  // namespace

std::string train_tokenizer_json(const Options& options, std::span<const TextPart> texts) {
  learn_options(options);  // fails before a long count
  std::string names;
  for (const TextPart& text : texts) names += (names.empty() ? "" : ", ") + text.source.name();
  return train(options, count_words(texts, Cutting(options).rules), names + ": ");
}

std::string train_tokenizer_json(const Options& options, std::span<const std::string> lines) {
  learn_options(options);
  return train(options, count_words(lines, Cutting(options).rules), "");
}

Tokenizer train_tokenizer(const Options& options, std::span<const TextPart> texts) { return open(train_tokenizer_json(options, texts)); }

Tokenizer train_tokenizer(const Options& options, std::span<const std::filesystem::path> files) {
  const std::vector<TextPart> texts(files.begin(), files.end());
  return train_tokenizer(options, texts);
}

Tokenizer train_tokenizer(const Options& options, std::span<const std::string> lines) { return open(train_tokenizer_json(options, lines)); }

}  // namespace qkv
