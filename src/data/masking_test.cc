#include "data/masking.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/error.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

Tokenizer pieces() {
  const std::vector<std::string> lines{"low lower lowest new newer newest wide wider widest", "low low low new new lowest widest"};
  return train_tokenizer({.pipeline = TokenizerPipeline::word_pieces, .vocab_size = 40, .vocab_size_is_upper_bound = true}, lines);
}

class Masking : public testing::Test {
 protected:
  std::vector<int32_t> long_sequence() const {
    std::string text;
    for (int i = 0; i < 100; ++i) text += "low newest wide zebra ";  // the last is unknown
    return tokenizer_.encode(text);
  }

  Tokenizer tokenizer_ = pieces();
  MaskingVocabulary vocabulary_{tokenizer_};
};

// Devlin et al. 2018, section 3.1: 15 % of the tokens, of these 80 % [MASK], 10 % a random token, 10 % as they are.
TEST_F(Masking, SharesAreThoseOfThePaper) {
  const std::vector<int32_t> ids = long_sequence();
  int64_t ordinary = 0, hidden = 0, masked = 0, same = 0, other = 0;
  for (int64_t epoch = 0; epoch < 200; ++epoch) {
    const MaskedSequence sequence = mask_tokens(ids, vocabulary_, {}, masking_stream(1, epoch, 0));
    for (const int32_t id : ids) ordinary += vocabulary_.is_ordinary(id);
    hidden += std::ssize(sequence.places);
    for (size_t i = 0; i < sequence.places.size(); ++i) {
      const int32_t shown = sequence.ids[static_cast<size_t>(sequence.places[i])];
      (shown == vocabulary_.mask() ? masked : shown == sequence.targets[i] ? same : other) += 1;
    }
  }
  const auto n = static_cast<double>(hidden);
  EXPECT_NEAR(n / static_cast<double>(ordinary), 0.15, 0.001);
  // A random token is the same one by chance.
  const double coincidence = 0.1 / static_cast<double>(vocabulary_.ordinary().size());
  const auto deviations = [&](double share) { return 4 * std::sqrt(share * (1 - share) / n); };
  EXPECT_NEAR(static_cast<double>(masked) / n, 0.8, deviations(0.8));
  EXPECT_NEAR(static_cast<double>(same) / n, 0.1 + coincidence, deviations(0.1));
  EXPECT_NEAR(static_cast<double>(other) / n, 0.1 - coincidence, deviations(0.1));
}

TEST_F(Masking, EveryTokenIsHiddenEquallyOftenAndNoOtherOneChanges) {
  const std::vector<int32_t> ids = tokenizer_.encode("low low new wide zebra newest");
  std::vector<int> count(ids.size());
  constexpr int kEpochs = 20000;
  for (int64_t epoch = 0; epoch < kEpochs; ++epoch) {
    const MaskedSequence sequence = mask_tokens(ids, vocabulary_, {.probability = 0.3}, masking_stream(1, epoch, 7));
    std::vector<int32_t> restored = sequence.ids;
    for (size_t i = 0; i < sequence.places.size(); ++i) {
      ++count[static_cast<size_t>(sequence.places[i])];
      restored[static_cast<size_t>(sequence.places[i])] = sequence.targets[i];
    }
    ASSERT_EQ(restored, ids);
  }
  int ordinary = 0;
  for (const int32_t id : ids) ordinary += vocabulary_.is_ordinary(id);
  const double expected = kEpochs * std::round(0.3 * ordinary) / ordinary;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (vocabulary_.is_ordinary(ids[i])) {
      EXPECT_NEAR(count[i], expected, 4 * std::sqrt(expected)) << i;
    } else {
      EXPECT_EQ(count[i], 0) << "special and unknown tokens are never hidden";
    }
  }
}

TEST_F(Masking, DependsOnSeedEpochAndNumberAlone) {
  const std::vector<int32_t> ids = long_sequence();
  const auto places = [&](uint64_t seed, int64_t epoch, int64_t number) {
    return mask_tokens(ids, vocabulary_, {}, masking_stream(seed, epoch, number)).places;
  };
  EXPECT_EQ(places(1, 2, 3), places(1, 2, 3));
  EXPECT_NE(places(1, 2, 3), places(2, 2, 3));
  EXPECT_NE(places(1, 2, 3), places(1, 3, 3));
  EXPECT_NE(places(1, 2, 3), places(1, 2, 4));
  EXPECT_NE(places(1, 2, 3), places(1, 2, 3 + (int64_t{1} << 32)));
}

TEST_F(Masking, WholeWordsAreHiddenWithAllTheirPieces) {
  const std::vector<int32_t> ids = long_sequence();
  int64_t hidden = 0, pieces_in_words = 0;
  for (int64_t epoch = 0; epoch < 50; ++epoch) {
    const MaskedSequence sequence = mask_tokens(ids, vocabulary_, {.whole_words = true}, masking_stream(1, epoch, 0));
    std::vector<bool> is_hidden(ids.size());
    for (const int32_t place : sequence.places) is_hidden[static_cast<size_t>(place)] = true;
    for (size_t i = 1; i < ids.size(); ++i) {
      if (!tokenizer_.id_to_token(ids[i]).starts_with("##")) continue;
      EXPECT_EQ(is_hidden[i], is_hidden[i - 1]) << i;
      pieces_in_words += is_hidden[i];
    }
    hidden += std::ssize(sequence.places);
  }
  EXPECT_GT(pieces_in_words, 0) << "the test must hide words of several pieces";
  EXPECT_NEAR(static_cast<double>(hidden) / 50 / 400, 0.15 * static_cast<double>(ids.size() - 2 - 100) / 400, 0.03);
}

TEST_F(Masking, OneTokenIsHiddenAtLeastWhereThereIsOne) {
  const std::vector<int32_t> one = tokenizer_.encode("low"), none = tokenizer_.encode("zebra");
  EXPECT_EQ(mask_tokens(one, vocabulary_, {}, masking_stream(1, 0, 0)).places.size(), 1u);
  EXPECT_TRUE(mask_tokens(none, vocabulary_, {}, masking_stream(1, 0, 0)).places.empty());
}

TEST_F(Masking, WordsBeginAtTheSignOfASpaceWhereThereIsSuch) {
  const std::vector<std::string> lines{"low lower lowest new newer newest"};
  const Tokenizer sentences = train_tokenizer(
      {.pipeline = TokenizerPipeline::sentences, .vocab_size = 40, .vocab_size_is_upper_bound = true, .special_tokens = {"<s>", "<mask>"}},
      lines);
  const MaskingVocabulary vocabulary(sentences);
  EXPECT_EQ(vocabulary.sep(), sentences.token_to_id("</s>"));
  std::string words;
  for (const int32_t id : sentences.encode("newest lower", false)) {
    words += vocabulary.begins_word(id) ? "|" : "+";
    words += sentences.id_to_token(id);
  }
  EXPECT_THAT(words, testing::MatchesRegex("\\|▁[^|]*\\|▁[^|]*"));
}

TEST_F(Masking, ATokenizerWithoutMaskIsNamed) {
  const std::vector<std::string> lines{"low lower lowest"};
  try {
    MaskingVocabulary{train_tokenizer({.vocab_size = 20, .vocab_size_is_upper_bound = true}, lines)};
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_THAT(error.what(), HasSubstr("has no [CLS] token"));
  }
}

}  // namespace
}  // namespace qkv
