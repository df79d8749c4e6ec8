#include "text/bpe_trainer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/parallel.h"
#include "text/test_files.h"

namespace qkv {
namespace {

using testing::HasSubstr;

std::string trained_json(const BpeTrainerOptions& options, const std::vector<std::filesystem::path>& files) {
  const TemporaryDirectory directory;
  train_bpe(options, files).save(directory.path());
  return read_file(directory.path() / "tokenizer.json");
}

TEST(TrainBpe, WritesTheVeryFileThatTokenizersWrites) {
  EXPECT_EQ(trained_json({.vocab_size = 400}, {golden_path("corpus.txt")}), read_file(golden_path("trained.json")));
}

TEST(TrainBpe, ResultDependsNeitherOnThreadsNorOnHowTheTextIsPartedIntoFiles) {
  const TemporaryDirectory directory;
  const std::vector<std::string> lines = read_lines(golden_path("corpus.txt"));
  std::string first, second;
  for (size_t i = 0; i < lines.size(); ++i) (i % 3 ? second : first) += lines[i] + "\n";
  const std::vector<std::filesystem::path> files{directory.write("first", first), directory.write("second", second)};
  const int threads = num_threads();
  for (const int count : {1, 3}) {
    set_num_threads(count);
    EXPECT_EQ(trained_json({.vocab_size = 400}, files), read_file(golden_path("trained.json"))) << count << " threads";
  }
  set_num_threads(threads);
}

TEST(TrainBpe, OnMulti30kTokenizerAndIdsEqualThoseOfTokenizers) {
  const std::filesystem::path data = test_data("multi30k");
  if (!std::filesystem::exists(data)) GTEST_SKIP() << "NOT TESTED: " << data << " is not there; QKV_DATA names the folder with the data";
  const nlohmann::json expected = golden("multi30k.json");
  const std::vector<std::filesystem::path> files{data / "train.en", data / "train.de"};
  const TemporaryDirectory directory;
  train_bpe({.vocab_size = 8000}, files).save(directory.path());
  EXPECT_EQ(hash_of(read_file(directory.path() / "tokenizer.json")), expected["tokenizer"]);
  const Tokenizer tokenizer = Tokenizer::load(directory.path());
  for (const auto& [name, hash] : expected["ids"].items()) {
    std::string all;
    for (const std::string& line : read_lines(data / name)) {
      const std::vector<int32_t> ids = tokenizer.encode(line);
      all += fmt::format("{}\n", fmt::join(ids, " "));
    }
    EXPECT_EQ(hash_of(all), hash) << name;
  }
}

TEST(TrainBpe, DecodingGivesBackEveryNormalizedText) {
  const std::vector<std::string> lines = read_lines(golden_path("corpus.txt"));
  const Tokenizer tokenizer = train_bpe({.vocab_size = 500, .vocab_size_is_upper_bound = true}, lines);
  for (const std::string text : {"the Mann, (über) \"для\" — no.", "water!?  ", " (das)", "\t"}) {
    std::string normalized = text;  // single spaces, none at the ends, no characters that are not in the corpus
    while (!normalized.empty() && (normalized.back() == ' ' || normalized.back() == '\t')) normalized.pop_back();
    if (normalized.starts_with(' ')) normalized.erase(0, 1);
    const std::vector<int32_t> ids = tokenizer.encode(text);
    EXPECT_EQ(ids.back(), 0) << "</s>";
    if (std::find(ids.begin(), ids.end(), 1) == ids.end()) {
      EXPECT_EQ(tokenizer.decode(ids), normalized);
    }
  }
  for (const std::string& line : lines) {
    const std::string once = tokenizer.decode(tokenizer.encode(line));
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(once)), once);
  }
}

std::string golden_tokenizer_text(const std::string& pipeline) {
  return nlohmann::ordered_json::parse(read_file(golden_path("pipelines/" + pipeline + ".json")))["tokenizer"].dump(2);
}

TEST(TrainBpe, OfPlainTextWritesTheVeryFilesThatTokenizersWrites) {
  const std::vector<std::filesystem::path> files{golden_path("text.txt")};
  EXPECT_EQ(trained_json({.pipeline = Pipeline::byte_pairs, .vocab_size = 600}, files), golden_tokenizer_text("byte_pairs"));
  EXPECT_EQ(trained_json({.pipeline = Pipeline::bytes}, files), golden_tokenizer_text("bytes"));
  EXPECT_EQ(trained_json({.pipeline = Pipeline::characters}, files), golden_tokenizer_text("characters"));
}

TEST(TrainBpe, PlainTextComesBackAsItWas) {
  const std::vector<std::string> texts{read_file(golden_path("text.txt"))};
  for (const Pipeline pipeline : {Pipeline::byte_pairs, Pipeline::bytes, Pipeline::characters}) {
    const Tokenizer tokenizer = train_bpe({.pipeline = pipeline, .vocab_size = 500}, texts);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(texts[0])), texts[0]);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(" \n\n\t  the\n ")), " \n\n\t  the\n ");
    EXPECT_EQ(tokenizer.token_to_id("<|endoftext|>"), 0);
    EXPECT_TRUE(tokenizer.is_special(0));
    if (pipeline != Pipeline::characters) {
      EXPECT_EQ(tokenizer.decode(tokenizer.encode("unseen \u4EAC\U0001F40C\r")), "unseen \u4EAC\U0001F40C\r");
    }
  }
}

TEST(TrainBpe, ALongTextGivesTheTokensOfTheWholeOnAnyNumberOfThreads) {
  const std::string text = read_file(golden_path("text.txt"));
  std::string long_text;
  while (long_text.size() < (size_t{5} << 20)) long_text += text;
  const TemporaryDirectory directory;
  const BpeTrainerOptions options{.pipeline = Pipeline::byte_pairs, .vocab_size = 500};
  const std::vector<std::string> whole{long_text};
  train_bpe(options, whole).save(directory / "whole");  // a string is counted in one piece
  const std::vector<std::filesystem::path> files{directory.write("text", long_text)};
  const int threads = num_threads();
  for (const int count : {1, 3}) {
    set_num_threads(count);
    EXPECT_EQ(trained_json(options, files), read_file(directory / "whole/tokenizer.json")) << count << " threads";
  }
  set_num_threads(threads);
}

TEST(TrainBpe, SeparatorsOfDocumentsAndWhatLiesOutsideOfThePartAreNotLearnt) {
  const TemporaryDirectory directory;
  const std::filesystem::path path = directory.write("text", "XXXXone two\n<doc>one two\n<doc>one twoYYYY");
  const std::vector<TextPart> parts{{path, 4, 37}};
  BpeTrainerOptions options{.pipeline = Pipeline::characters, .document_separator = "<doc>"};
  const Tokenizer tokenizer = train_bpe(options, parts);
  EXPECT_EQ(tokenizer.vocab_size(), 2 + 7) << "newline, space, e, n, o, t, w";
  options.pipeline = Pipeline::byte_pairs;
  options.vocab_size_is_upper_bound = true;
  EXPECT_EQ(train_bpe(options, parts).token_to_id("doc"), -1);
}

TEST(TrainBpe, SpecialTokensHaveFixedIdsAndFurtherOnesFollow) {
  const std::vector<std::string> lines(3, "a text with </s> and >>de<< in it");
  const Tokenizer tokenizer = train_bpe({.vocab_size_is_upper_bound = true, .special_tokens = {">>de<<", ">>fr<<"}}, lines);
  EXPECT_EQ(tokenizer.token_to_id("</s>"), 0);
  EXPECT_EQ(tokenizer.token_to_id("<unk>"), 1);
  EXPECT_EQ(tokenizer.token_to_id("<pad>"), 2);
  EXPECT_EQ(tokenizer.token_to_id(">>de<<"), 3);
  EXPECT_EQ(tokenizer.token_to_id(">>fr<<"), 4);
  EXPECT_EQ(tokenizer.encode(">>de<< a").front(), 3);
  EXPECT_EQ(tokenizer.encode("unseen: 京").end()[-2], 1);
}

TEST(TrainBpe, AVocabularyThatTheTextCannotFillIsAnErrorUnlessItIsABound) {
  const std::vector<std::string> lines{"ab ab ab", "abc abc"};
  // </s> <unk> <pad>, a b c ▁, and the merges ab, ▁ab, ▁abc
  ErrorCode code{};
  EXPECT_THAT(error_of([&] { train_bpe({.vocab_size = 11}, lines); }, &code), HasSubstr("the text yields 10 tokens at most, not 11"));
  EXPECT_EQ(code, ErrorCode::bad_input);
  EXPECT_EQ(train_bpe({.vocab_size = 10}, lines).vocab_size(), 10);
  EXPECT_EQ(train_bpe({.vocab_size = 8000, .vocab_size_is_upper_bound = true}, lines).vocab_size(), 10);
}

TEST(TrainBpe, BadOptionsAndTextsAreOneLineEach) {
  const std::vector<std::string> lines{"some text", "some text"};
  const auto message = [&](BpeTrainerOptions options) { return error_of([&] { train_bpe(options, lines); }); };
  EXPECT_THAT(message({.vocab_size = 0}), HasSubstr("a vocabulary size of 0 cannot be"));
  EXPECT_THAT(message({.vocab_size = int64_t{1} << 40}), HasSubstr("cannot be"));
  EXPECT_THAT(message({.vocab_size = 5, .vocab_size_is_upper_bound = true}), HasSubstr("too small: the text has 7 different characters"));
  EXPECT_THAT(message({.limit_alphabet = 0}), HasSubstr("an alphabet of 0 characters"));
  EXPECT_THAT(message({.special_tokens = {"<pad>"}}), HasSubstr("\"<pad>\" is named twice"));
  EXPECT_THAT(message({.special_tokens = {""}}), HasSubstr("special token must be text"));
  const std::vector<std::string> empty{"", " \t "};
  EXPECT_THAT(error_of([&] { train_bpe({}, empty); }), HasSubstr("no text to train a tokenizer on"));
  const TemporaryDirectory directory;
  const std::vector<std::filesystem::path> blank{directory.write("a.en", ""), directory.write("b.de", "\n \n")};
  EXPECT_THAT(error_of([&] { train_bpe({}, blank); }), testing::AllOf(HasSubstr("a.en"), HasSubstr("b.de"), HasSubstr("no text")));
  const std::vector<std::string> invalid{"fine", "\xFF"};
  EXPECT_THAT(error_of([&] { train_bpe({}, invalid); }), HasSubstr("line 2 is not valid UTF-8"));
}

}  // namespace
}  // namespace qkv
