#include "text/training/word_counts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <set>

#include "base/parallel.h"
#include "text/files/test_files.h"
#include "text/training/trained_pipeline.h"

namespace qkv {
namespace {

using testing::HasSubstr;

std::map<std::string, uint64_t> as_map(const std::vector<WordCount>& words) {
  std::map<std::string, uint64_t> map;
  for (const auto& [word, count] : words) EXPECT_TRUE(map.emplace(word, count).second) << word << " comes twice";
  return map;
}

TEST(WordCounts, CountsOverFilesAndChunksOnAnyNumberOfThreads) {
  // Two files of several chunks each, with lines of very different lengths, both kinds of line end, and none at the end.
  std::map<std::string, uint64_t> expected;
  std::string first, second;
  for (int i = 0; i < 150'000; ++i) {
    const std::string word = fmt::format("w{}", i * 7919 % 5003);
    std::string& text = i % 3 == 0 ? second : first;
    text += word;
    text += i % 5 == 0 ? "\r\n" : i % 7 == 0 ? "\n\n" : i % 1000 < 900 ? "\n" : " ";
    ++expected["▁" + word];
  }
  first += std::string(3 << 20, 'x');  // one word longer than a chunk
  ++expected["▁" + std::string(3 << 20, 'x')];
  const TemporaryDirectory directory;
  const std::vector<TextPart> files{{directory.write("a", first)}, {directory.write("b", second)}, {directory.write("empty", "")}};
  const auto normalizer = training_normalizer(TokenizerPipeline::sentences);
  const auto pre_tokenizer = training_pre_tokenizer(TokenizerPipeline::sentences);
  const int threads = num_threads();
  for (const int count : {1, 2, 5}) {
    set_num_threads(count);
    EXPECT_EQ(as_map(count_words(files, {normalizer.get(), pre_tokenizer.get()})), expected) << count << " threads";
  }
  set_num_threads(threads);
}

TEST(WordCounts, BeyondTheMemoryRareWordsAreDroppedInTheSameWayOnAnyNumberOfThreads) {
  std::string text;
  for (int i = 0; i < 400'000; ++i) text += fmt::format("often{} seldom{}\n", i % 100, i);
  const TemporaryDirectory directory;
  const std::vector<TextPart> files{{directory.write("a", text)}};
  const auto pre_tokenizer = training_pre_tokenizer(TokenizerPipeline::word_pieces);
  WordRules rules{.pre_tokenizer = pre_tokenizer.get()};
  EXPECT_EQ(count_words(files, rules).size(), 400'100u);
  rules.memory = size_t{16} << 20;
  const int threads = num_threads();
  std::set<std::map<std::string, uint64_t>> results;
  for (const int count : {1, 3}) {
    set_num_threads(count);
    results.insert(as_map(count_words(files, rules)));
  }
  set_num_threads(threads);
  ASSERT_EQ(results.size(), 1u);
  const std::map<std::string, uint64_t>& kept = *results.begin();
  EXPECT_LT(kept.size() * kWordBytes, rules.memory);
  for (int i = 0; i < 100; ++i) EXPECT_EQ(kept.at(fmt::format("often{}", i)), 4000u);
}

TEST(WordCounts, WordsAreDroppedOnlyWhereTheMemoryIsFull) {
  std::string text;
  for (int i = 0; i < 120'000; ++i) text += fmt::format("seldom{}\n", i);  // 13 MB as the table counts them
  const TemporaryDirectory directory;
  const std::vector<TextPart> files{{directory.write("a", text)}};
  EXPECT_EQ(count_words(files, {.memory = size_t{16} << 20}).size(), 120'000u);
  const size_t kept = count_words(files, {.memory = size_t{12} << 20}).size();
  EXPECT_LT(kept, 120'000u);
}

// Three texts of several chunks without a space: words that punctuation parts, words beside digits, one word.
TEST(WordCounts, ATextWithoutSpacesHasTheWordsOfTheWholeWhereverAChunkEnds) {
  const auto pre_tokenizer = training_pre_tokenizer(TokenizerPipeline::byte_pairs);
  const WordRules rules{.pre_tokenizer = pre_tokenizer.get(), .whole_texts = true};
  for (const std::string_view mark : {"。", "7", ""}) {
    std::string text;
    for (uint32_t i = 0; text.size() < (size_t{5} << 19); ++i) {
      text += i % 1009 < 500 ? "日本語漢字" : "日本語仮名";
      if (i * 2654435761u % 1009 < 30) text += mark;
    }
    const TemporaryDirectory directory;
    const std::vector<TextPart> files{{directory.write("a", text)}};
    EXPECT_EQ(as_map(count_words(files, rules)), as_map(count_words(std::vector<std::string>{text}, rules))) << "parted by " << mark;
  }
}

TEST(WordCounts, LineEndsBelongToNoWord) {
  const TemporaryDirectory directory;
  const std::vector<TextPart> files{{directory.write("a", "a\r\nb\n\na\r\n\r\nb c")}, {directory.write("b", "\n")}};
  EXPECT_EQ(as_map(count_words(files, {})), (std::map<std::string, uint64_t>{{"a", 2}, {"b", 1}, {"b c", 1}}));
}

TEST(WordCounts, InvalidUtf8IsRefusedWithFileAndLineOfTheFirst) {
  std::string text;
  for (int i = 1; i <= 300'000; ++i) text += i == 123'456 || i >= 299'000 ? "bad \xC3( byte\n" : "fine line\n";
  const TemporaryDirectory directory;
  const std::vector<TextPart> files{{directory.write("good.txt", "good\n")}, {directory.write("bad.txt", text)}};
  ErrorCode code{};
  const std::string message = error_of([&] { count_words(files, {}); }, &code);
  EXPECT_THAT(message, HasSubstr((directory.path() / "bad.txt").string() + ": line 123456 is not valid UTF-8"));
  EXPECT_EQ(code, ErrorCode::bad_input);
}

TEST(WordCounts, AMissingFileIsNamed) {
  const std::vector<TextPart> files{{std::filesystem::path("/nowhere/text.en")}};
  EXPECT_THAT(error_of([&] { count_words(files, {}); }), HasSubstr("/nowhere/text.en"));
}

}  // namespace
}  // namespace qkv
