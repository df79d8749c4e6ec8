#include "evaluate/scores.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/files.h"
#include "evaluate/measures/bleu_tokenization.h"
#include "evaluate/measures/split_words.h"
#include "formats/json.h"
#include "qkv/error.h"

namespace qkv {
namespace {

using Lines = std::vector<std::string>;

// Written by tools/golden/scores.py with sacreBLEU.
const nlohmann::json& goldens() {
  static const auto json = nlohmann::json::parse(read_file(QKV_SOURCE_DIR "/tests/goldens/scores/scores.json"));
  return json;
}

TEST(Scores, EqualSacrebleusOnEveryCorpus) {
  ASSERT_GE(goldens()["cases"].size(), 30u);
  for (const auto& each : goldens()["cases"]) {
    const Scores scores = score_corpus(each["hypotheses"].get<Lines>(), each["references"].get<Lines>());
    EXPECT_NEAR(scores.bleu, each["bleu"].get<double>(), 1e-9) << each["name"];
    EXPECT_NEAR(scores.chrf, each["chrf"].get<double>(), 1e-9) << each["name"];
    EXPECT_EQ(scores.signature, each["signature"].get<std::string>());
    const Lines references = each["references"].get<Lines>();
    const LineCounts corpus = count_corpus(each["hypotheses"].get<Lines>(), {&references, 1}, {});
    EXPECT_NEAR(chrf(corpus.chrf.characters_beside_words, corpus.chrf.words), each["chrf_plus_plus"].get<double>(), 1e-9) << each["name"];
    EXPECT_NEAR(ter(corpus.ter), each["ter"].get<double>(), 1e-9) << each["name"];
  }
}

TEST(Scores, TokenizationEqualsSacrebleusOnNastyLines) {
  ASSERT_GE(goldens()["tokenized"].size(), 200u);
  for (const auto& [line, tokens] : goldens()["tokenized"].items()) EXPECT_EQ(tokenize_13a(line), tokens.get<std::string>()) << line;
}

TEST(Scores, LongCorpusEqualsTheSumOfItsCounts) {
  // 1000 copies of a corpus have its scores; this adds up the counts of many tasks.
  const Lines hypotheses{"the cat sat on a mat .", "a dog barks loudly at night"},
      references{"the cat sat on the mat .", "the dog barks at night"};
  Lines many_hypotheses, many_references;
  for (int i = 0; i < 1000; ++i) {
    many_hypotheses.insert(many_hypotheses.end(), hypotheses.begin(), hypotheses.end());
    many_references.insert(many_references.end(), references.begin(), references.end());
  }
  const Scores one = score_corpus(hypotheses, references), many = score_corpus(many_hypotheses, many_references);
  EXPECT_NEAR(one.bleu, many.bleu, 1e-9);
  EXPECT_NEAR(one.chrf, many.chrf, 1e-9);
}

TEST(Scores, InvalidUtf8CountsAsTheReplacementCharacter) {
  const Scores scores = score_corpus(Lines{"bad \xff byte \xe7\x8c"}, Lines{"bad \xef\xbf\xbd byte \xef\xbf\xbd"});
  EXPECT_DOUBLE_EQ(scores.chrf, 100);
  EXPECT_NEAR(scores.bleu, 100, 1e-9);
}

TEST(Scores, DifferentCountsAndNothingAtAllAreErrors) {
  const auto message = [](const Lines& hypotheses, const Lines& references) -> std::string {
    try {
      score_corpus(hypotheses, references);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message({"a"}, {"a", "b"}), testing::AllOf(testing::HasSubstr("1 hypotheses"), testing::HasSubstr("2 references")));
  EXPECT_THAT(message({}, {}), testing::HasSubstr("nothing to score"));
}

// sacreBLEU 2.6 gives 0.0 for the first two corpora with any hypotheses, and 100 for the third.
TEST(Scores, BleuNeedsAReferenceOfFourWords) {
  EXPECT_FALSE(bleu_is_defined(Lines{"einundzwanzig", "", "drei kurze Wörter"}));
  EXPECT_FALSE(bleu_is_defined(Lines{}));
  EXPECT_TRUE(bleu_is_defined(Lines{"eins", "es sind vier Wörter"}));
  EXPECT_TRUE(bleu_is_defined(Lines{"drei und ein Punkt."})) << "counted as tokenization 13a cuts";
}

TEST(Scores, ExactMatchesLookPastWhiteSpaceAtTheEnds) {
  EXPECT_EQ(exact_matches(Lines{"a b", " c ", "d", ""}, Lines{"a b", "c\r", "D", " "}), 3u);
}

TEST(SplitWords, CutsAtEveryWhiteSpaceOfPython) {
  EXPECT_THAT(split_words(" a\tb\u00a0c\u3000d\x1f\u2028 e\u200bf "), testing::ElementsAre("a", "b", "c", "d", "e\u200bf"));
  EXPECT_THAT(split_words("\u2003 \n"), testing::IsEmpty());
}

}  // namespace
}  // namespace qkv
