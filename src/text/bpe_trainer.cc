#include "text/bpe_trainer.h"

#include <algorithm>

#include "base/error.h"
#include "text/bpe_merges.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"
#include "text/word_counts.h"

namespace qkv {
namespace {

bool has_merges(Pipeline pipeline) { return pipeline == Pipeline::sentences || pipeline == Pipeline::byte_pairs; }

LearnOptions learn_options(const BpeTrainerOptions& options) {
  QKV_CHECK(options.vocab_size > 0 && options.vocab_size <= std::numeric_limits<int32_t>::max(),
            "a vocabulary size of {} cannot be; common are 4,000 to 64,000", options.vocab_size);
  QKV_CHECK(options.limit_alphabet > 0, "an alphabet of {} characters cannot be", options.limit_alphabet);
  LearnOptions learn{.vocab_size = static_cast<size_t>(options.vocab_size),
                     .min_frequency = options.min_frequency,
                     .limit_alphabet = static_cast<size_t>(options.limit_alphabet),
                     .initial_alphabet = initial_alphabet_of(options.pipeline),
                     .special_tokens = special_tokens_of(options.pipeline)};
  if (!has_merges(options.pipeline)) learn.vocab_size = 0;
  for (const std::string& token : options.special_tokens) {
    QKV_CHECK(!token.empty() && is_valid_utf8(token), "a special token must be text in UTF-8 and not empty");
    QKV_CHECK(std::find(learn.special_tokens.begin(), learn.special_tokens.end(), token) == learn.special_tokens.end(),
              "the special token \"{}\" is named twice ({} are always there)", token, fmt::join(special_tokens_of(options.pipeline), ", "));
    learn.special_tokens.push_back(token);
  }
  return learn;
}

// What count_words needs, and what it points to.
struct Cutting {
  std::unique_ptr<Normalizer> normalizer;
  std::unique_ptr<PreTokenizer> pre_tokenizer;
  WordRules rules;
  explicit Cutting(const BpeTrainerOptions& options)
      : normalizer(training_normalizer(options.pipeline)),
        pre_tokenizer(training_pre_tokenizer(options.pipeline)),
        rules{normalizer.get(), pre_tokenizer.get(), options.pipeline != Pipeline::sentences, options.document_separator} {}
};

void check_size(const BpeTrainerOptions& options, const LearnOptions& learn, const LearntBpe& learnt) {
  const size_t special = learn.special_tokens.size();
  if (special + learnt.alphabet > learn.vocab_size) {
    fail(ErrorCode::bad_input,
         "a vocabulary of {} tokens is too small: the text has {} different characters, and there are {} special tokens; make it larger or "
         "limit the alphabet",
         learn.vocab_size, learnt.alphabet, special);
  }
  if (learnt.tokens.size() < learn.vocab_size && !options.vocab_size_is_upper_bound) {
    fail(ErrorCode::bad_input, "the text yields {} tokens at most, not {}; ask for a vocabulary of that size or less{}",
         learnt.tokens.size(), learn.vocab_size, learn.min_frequency > 1 ? ", or lower the minimum frequency" : "");
  }
}

// `source` names what the words are from.
Tokenizer train(const BpeTrainerOptions& options, const std::vector<WordCount>& words, const std::string& source) {
  if (words.empty()) fail(ErrorCode::bad_input, "{}no text to train a tokenizer on; all lines are empty", source);
  const LearnOptions learn = learn_options(options);
  const LearntBpe learnt = learn_bpe(words, learn);
  if (has_merges(options.pipeline)) check_size(options, learn, learnt);
  return TokenizerAccess::from_json(trained_tokenizer_json(options.pipeline, learnt, learn.special_tokens.size()), "",
                                    "the trained tokenizer");
}

}  // namespace

Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const TextPart> texts) {
  learn_options(options);  // complains before a long count
  std::string names;
  for (const TextPart& text : texts) names += (names.empty() ? "" : ", ") + text.path.string();
  return train(options, count_words(texts, Cutting(options).rules), names + ": ");
}

Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const std::filesystem::path> files) {
  const std::vector<TextPart> texts(files.begin(), files.end());
  return train_bpe(options, texts);
}

Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const std::string> lines) {
  learn_options(options);
  return train(options, count_words(lines, Cutting(options).rules), "");
}

}  // namespace qkv
