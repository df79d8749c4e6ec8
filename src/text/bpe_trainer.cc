#include "text/bpe_trainer.h"

#include <algorithm>

#include "base/error.h"
#include "text/bpe_merges.h"
#include "text/tokenizer_json.h"
#include "text/tokenizer_parts.h"
#include "text/utf8.h"
#include "text/word_counts.h"

namespace qkv {
namespace {

LearnOptions learn_options(const BpeTrainerOptions& options) {
  QKV_CHECK(options.vocab_size > 0 && options.vocab_size <= std::numeric_limits<int32_t>::max(),
            "a vocabulary size of {} cannot be; common are 4,000 to 64,000", options.vocab_size);
  QKV_CHECK(options.limit_alphabet > 0, "an alphabet of {} characters cannot be", options.limit_alphabet);
  LearnOptions learn{.vocab_size = static_cast<size_t>(options.vocab_size),
                     .min_frequency = options.min_frequency,
                     .limit_alphabet = static_cast<size_t>(options.limit_alphabet),
                     .special_tokens = {std::string(kEosToken), std::string(kUnkToken), std::string(kPadToken)}};
  for (const std::string& token : options.special_tokens) {
    QKV_CHECK(!token.empty() && is_valid_utf8(token), "a special token must be text in UTF-8 and not empty");
    QKV_CHECK(std::find(learn.special_tokens.begin(), learn.special_tokens.end(), token) == learn.special_tokens.end(),
              "the special token \"{}\" is named twice (</s>, <unk> and <pad> are always there)", token);
    learn.special_tokens.push_back(token);
  }
  return learn;
}

Tokenizer train(const BpeTrainerOptions& options, const std::vector<WordCount>& words, const LearnOptions& learn) {
  if (words.empty()) fail(ErrorCode::bad_input, "there is no text to train the tokenizer on: all lines are empty");
  const LearntBpe learnt = learn_bpe(words, learn);
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
  return TokenizerAccess::from_json(trained_tokenizer_json(learnt, special), "", "the trained tokenizer");
}

}  // namespace

Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const std::filesystem::path> files) {
  const LearnOptions learn = learn_options(options);
  const std::vector<WordCount> words = count_words(files, trained_normalizer().get(), trained_pre_tokenizer().get());
  if (words.empty()) {
    std::string names;
    for (const std::filesystem::path& file : files) names += (names.empty() ? "" : ", ") + file.string();
    fail(ErrorCode::bad_input, "{}: no text to train a tokenizer on; all lines are empty", names);
  }
  return train(options, words, learn);
}

Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const std::string> lines) {
  const LearnOptions learn = learn_options(options);
  return train(options, count_words(lines, trained_normalizer().get(), trained_pre_tokenizer().get()), learn);
}

}  // namespace qkv
