#include "decode/translator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <limits>
#include <thread>

#include "base/parallel.h"
#include "decode/test_models.h"
#include "nn/uniform_config.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class TranslatorTest : public testing::Test {
 protected:
  void SetUp() override {
    TranslatorOptions chosen;
    chosen.num_beams = 3;
    chosen.n_best = 2;
    chosen.max_length = 12;
    options = resolve_options(chosen, *model);
  }
  std::vector<Translation> run(const std::vector<std::string>& texts) const { return translate(model->network, tokenizer, texts, options); }
  std::string message_of(const std::vector<std::string>& texts) const {
    try {
      run(texts);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::bad_input);
      return error.what();
    }
    return "";
  }

  const Tokenizer tokenizer = make_test_tokenizer();
  const std::unique_ptr<Model> model = create_model(make_test_config(tokenizer), 3);
  TranslateOptions options;
  const std::vector<std::string> texts{"ein Haus", "",     "a house by the sea",     " \t ", "日本語",
                                       "am Meer",  "zwei", "ein Haus am See am Meer"};
};

void expect_equal(const Translation& a, const Translation& b) {
  ASSERT_EQ(a.candidates.size(), b.candidates.size());
  for (size_t i = 0; i < a.candidates.size(); ++i) {
    EXPECT_EQ(a.candidates[i].text, b.candidates[i].text);
    EXPECT_EQ(a.candidates[i].score, b.candidates[i].score);
    EXPECT_EQ(a.candidates[i].tokens, b.candidates[i].tokens);
    EXPECT_EQ(a.candidates[i].token_scores, b.candidates[i].token_scores);
  }
}

TEST_F(TranslatorTest, ResultsKeepTheOrderOfTheTexts) {
  const std::vector<Translation> together = run(texts);
  ASSERT_EQ(together.size(), texts.size());
  for (size_t i = 0; i < texts.size(); ++i) expect_equal(together[i], run({texts[i]})[0]);
}

TEST_F(TranslatorTest, BatchSizeChangesNothing) {
  const std::vector<Translation> large = run(texts);
  for (const int64_t tokens : {1, 7, 30, 100}) {
    options.batch_tokens = tokens;
    const std::vector<Translation> small = run(texts);
    for (size_t i = 0; i < texts.size(); ++i) expect_equal(large[i], small[i]);
  }
}

TEST_F(TranslatorTest, ThreadsWithBatchesOfTheirOwnChangeNothing) {
  std::vector<std::string> many;
  for (size_t i = 0; i < 400; ++i) many.push_back(texts[i % texts.size()] + (i % 3 == 0 ? " am See" : ""));
  const auto caller = std::this_thread::get_id();
  std::vector<int64_t> told;
  options.on_progress = [&](int64_t done) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
    told.push_back(done);
  };
  set_num_threads(1);
  const std::vector<Translation> together = run(many);
  set_num_threads(2);
  for (const int64_t tokens : {int64_t{1}, int64_t{700}, int64_t{4096}, std::numeric_limits<int64_t>::max()}) {
    SCOPED_TRACE(tokens);
    options.batch_tokens = tokens;
    told.clear();
    const std::vector<Translation> apart = run(many);
    for (size_t i = 0; i < many.size(); ++i) expect_equal(apart[i], together[i]);
    EXPECT_TRUE(std::ranges::is_sorted(told));
    EXPECT_EQ(told.back(), std::ssize(many));
  }
  set_num_threads(0);
}

TEST_F(TranslatorTest, EmptyAndBlankTextsStayEmpty) {
  for (const Translation& each : run({"", "  ", "\t\r", "ein", ""})) ASSERT_FALSE(each.candidates.empty());
  EXPECT_EQ(run({""})[0].candidates[0].text, "");
  EXPECT_EQ(run({" \t "})[0].candidates[0].text, "");
  EXPECT_TRUE(run({}).empty());
}

TEST_F(TranslatorTest, CandidatesCarryScoresAndTokens) {
  const Translation found = run({"ein Haus"})[0];
  ASSERT_EQ(found.candidates.size(), 2u);
  EXPECT_GE(found.candidates[0].score, found.candidates[1].score);
  for (const Translation::Candidate& each : found.candidates) {
    EXPECT_EQ(each.tokens.size(), each.token_scores.size());
    float sum = 0;
    for (const float score : each.token_scores) sum += score;
    EXPECT_NEAR(each.score, sum / static_cast<float>(each.tokens.size()), 1e-5);
  }
}

TEST_F(TranslatorTest, TooLongTextIsNamedByItsLine) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "ein ";
  options.first_line = 101;
  EXPECT_THAT(message_of({"ein", text}), HasSubstr("line 102 has "));
  EXPECT_THAT(message_of({"ein", text}), HasSubstr("the model takes 40; split it, or let truncate cut it"));
  options.truncate = true;
  EXPECT_FALSE(run({"ein", text})[1].candidates[0].tokens.empty());
}

TEST_F(TranslatorTest, SpecialTokensThatALineSpellsOutAreText) {
  const std::vector<int32_t> ids = encode_source(tokenizer, model->config, "am </s> Meer", false, "line 1").ids;
  EXPECT_EQ(std::count(ids.begin(), ids.end(), model->config.eos_token_ids.front()), 1) << "the one at the end";
  EXPECT_NE(ids, tokenizer.encode("am </s> Meer"));
}

TEST_F(TranslatorTest, TooLongTextIsListedAndTheOthersAreTranslated) {
  std::string text;
  for (int i = 0; i < 50; ++i) text += "ein ";
  std::vector<LongText> too_long;
  options.first_line = 101;
  options.too_long = &too_long;
  const std::vector<Translation> found = run({"ein", "am Meer", text, "zwei"});
  EXPECT_EQ(found[2].candidates[0].text, "");
  EXPECT_TRUE(found[2].candidates[0].tokens.empty());
  ASSERT_EQ(too_long.size(), 1u);
  EXPECT_EQ(too_long[0].line, 103);
  EXPECT_EQ(too_long[0].tokens, std::ssize(tokenizer.encode(text)));
  options.too_long = nullptr;
  expect_equal(found[3], run({"zwei"})[0]);
}

TEST_F(TranslatorTest, TheEndTokenIsNoPartOfTheTextThoughTheTokenizerDoesNotMarkIt) {
  model->config.eos_token_ids = {tokenizer.token_to_id("a")};
  const auto word = tokenizer.token_to_id("a"), end = tokenizer.token_to_id("</s>");
  EXPECT_EQ(text_of(tokenizer, model->config, std::vector{word, word}), tokenizer.decode(std::vector{word}));
  EXPECT_EQ(text_of(tokenizer, model->config, std::vector{word, end}), tokenizer.decode(std::vector{word, end}));
  EXPECT_EQ(text_of(tokenizer, model->config, std::vector<int32_t>{}), "");
}

TEST_F(TranslatorTest, UnknownCharactersAreNamedByTheirLines) {
  testing::internal::CaptureStderr();
  options.warn_of_unknown = true;
  run({"ein", "\u0416", "am"});
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_THAT(warning,
              tokenizer.unknown_id() < 0 ? testing::IsEmpty() : testing::Matcher<std::string>(HasSubstr("line 2: some characters")));
}

TEST_F(TranslatorTest, TruncatedTextKeepsItsClosingToken) {
  const std::string text(200, 'a');
  const EncodedSource source = encode_source(tokenizer, model->config, text, true, "line 1");
  EXPECT_TRUE(source.cut);
  EXPECT_EQ(source.ids.size(), 40u);
  EXPECT_EQ(source.ids.back(), model->config.eos_token_ids.front());
}

TEST_F(TranslatorTest, InvalidUtf8IsReplacedWithAWarning) {
  testing::internal::CaptureStderr();
  const std::vector<Translation> found = run({"ein", "Ha\xFFus", "am"});
  const std::string warning = testing::internal::GetCapturedStderr();
  EXPECT_EQ(found.size(), 3u);
  EXPECT_THAT(warning, HasSubstr("line 2: not valid UTF-8"));
  expect_equal(found[1], run({"Ha\uFFFDus"})[0]);
}

TEST_F(TranslatorTest, TokenizerOfAnotherModelIsReported) {
  UniformConfig small = make_test_config(tokenizer);
  small.vocab_size = 5;
  const auto other = create_model(small, 1);
  EXPECT_THROW(translate(other->network, tokenizer, texts, options), Error);
}

TEST_F(TranslatorTest, ModelVocabularyLargerThanTheTokenizersIsFine) {
  UniformConfig large = make_test_config(tokenizer);
  large.vocab_size += 500;
  const auto other = create_model(large, 1);
  EXPECT_EQ(translate(other->network, tokenizer, texts, options).size(), texts.size());
}

TEST_F(TranslatorTest, ChosenOptionsWinOverTheModels) {
  model->generation.num_beams = 2;
  model->generation.length_penalty = 0.6f;
  model->generation.max_length = 1 << 20;
  TranslatorOptions chosen;
  SearchOptions search = resolve_options(chosen, *model).search;
  EXPECT_EQ(search.num_beams, 2);
  EXPECT_EQ(search.length_penalty, 0.6f);
  EXPECT_EQ(search.max_length, 41);  // the model's positions plus the last token
  chosen.n_best = 5;
  EXPECT_EQ(resolve_options(chosen, *model).search.num_beams, 5);
  chosen.num_beams = 6;
  chosen.length_penalty = 2.0f;
  search = resolve_options(chosen, *model).search;
  EXPECT_EQ(search.num_beams, 6);
  EXPECT_EQ(search.num_return_sequences, 5);
  EXPECT_EQ(search.length_penalty, 2.0f);
}

TEST_F(TranslatorTest, OptionsThatDoNotFitAreRefusedByName) {
  const auto message = [&](auto change) -> std::string {
    TranslatorOptions chosen;
    change(chosen);
    try {
      resolve_options(chosen, *model);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "";
  };
  EXPECT_THAT(message([](TranslatorOptions& o) { o.num_beams = 2, o.n_best = 3; }), HasSubstr("n_best 3 is more than num_beams 2"));
  EXPECT_THAT(message([](TranslatorOptions& o) { o.max_length = 42; }),
              HasSubstr("max_length 42 does not fit the model; possible: 2 to 41"));
  EXPECT_THAT(message([](TranslatorOptions& o) { o.max_length = 1; }), HasSubstr("max_length 1"));
  EXPECT_THAT(message([](TranslatorOptions& o) { o.min_length = 99; }), HasSubstr("min_length 99"));
  EXPECT_THAT(message([](TranslatorOptions& o) { o.num_beams = 0; }), HasSubstr("num_beams 0"));
  for (const float wrong : {std::nanf(""), std::numeric_limits<float>::infinity()}) {
    EXPECT_THAT(message([&](TranslatorOptions& o) { o.length_penalty = wrong; }), HasSubstr("length_penalty"));
  }
  EXPECT_THAT(message([](TranslatorOptions& o) { o.batch_tokens = 0; }), HasSubstr("batch_tokens 0"));
}

TEST_F(TranslatorTest, DirectoryOpensThroughThePublicClass) {
  const std::filesystem::path directory = std::filesystem::path(testing::TempDir()) / "qkv_translator_test";
  std::filesystem::remove_all(directory);
  std::filesystem::create_directories(directory);
  save_model(*model, directory);
  tokenizer.save(directory);
  TranslatorOptions chosen;
  chosen.num_beams = 3;
  chosen.n_best = 2;
  chosen.max_length = 12;
  const Translator translator = Translator::open(directory, chosen);
  const std::vector<Translation> found = translator.translate(texts), expected = run(texts);
  for (size_t i = 0; i < texts.size(); ++i) expect_equal(found[i], expected[i]);
  EXPECT_EQ(translator.translate("ein Haus"), expected[0].candidates[0].text);
  chosen.dtype = InferenceType::bf16;
  EXPECT_EQ(Translator::open(directory, chosen).translate(texts).size(), texts.size());
  std::filesystem::remove_all(directory);
  EXPECT_THROW(Translator::open(directory), Error);
}

}  // namespace
}  // namespace qkv
