#include "data/text_corpus.h"

#include <gmock/gmock.h>

#include "base/error.h"
#include "base/parallel.h"
#include "data/test_text.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using TextCorpusTest = TestText;

template <typename Call>
std::string error_of(Call&& call, ErrorCode expected) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), expected) << error.what();
    return error.what();
  }
  return "(no error)";
}

TEST_F(TextCorpusTest, WithoutASeparatorItIsTheTextsTokensAlone) {
  const TextCorpus corpus = build("abc\n\n ü日");
  EXPECT_EQ(ids(corpus.tokens()), tokenizer_.encode("abc\n\n ü日"));
  EXPECT_EQ(corpus.documents(), 1);
  EXPECT_EQ(ids(corpus.document(0)), ids(corpus.tokens()));
  EXPECT_EQ(corpus.text_bytes(), 11);
}

TEST_F(TextCorpusTest, ByteOrderMarkIsNoPartOfTheText) {
  const std::string mark = "\xef\xbb\xbf";
  EXPECT_EQ(ids(build(mark + "abc").tokens()), tokenizer_.encode("abc"));
  EXPECT_EQ(build(mark + "abc").text_bytes(), 3);
  EXPECT_THAT(error_of([&] { build(mark); }, ErrorCode::bad_input), HasSubstr("is empty"));
  // As Python's "utf-8-sig" reads it before the split.
  write_file_atomically(directory_ / "text", mark + "0123456789");
  const TextSplit split = split_text(directory_ / "text", 0.1);
  EXPECT_EQ(view_of(split.first), "012345678");
  EXPECT_EQ(view_of(split.second), "9");
  const std::vector<TextPart> parts{split.first};
  EXPECT_LT(train_tokenizer({.pipeline = TokenizerPipeline::characters}, parts).token_to_id(mark), 0);
}

TEST_F(TextCorpusTest, SeparatorThatDoesNotOccurIsNamed) {
  write_file_atomically(directory_ / "text", "one text of several words");
  const auto split = [&](const char* separator) {
    return error_of([&] { split_text(directory_ / "text", 0.1, separator); }, ErrorCode::bad_input);
  };
  EXPECT_THAT(split("<|x|>"), HasSubstr("text: the document separator \"<|x|>\" does not occur"));
  EXPECT_THAT(split("\n\n"), HasSubstr("\"\\n\\n\" does not occur"));
  EXPECT_THAT(error_of([&] { check_separator(directory_ / "text", "|"); }, ErrorCode::bad_input), HasSubstr("does not occur"));
  EXPECT_NO_THROW(check_separator(directory_ / "text", " of "));
  EXPECT_THAT(split("one"), HasSubstr("no document begins in the last 0.1 of the text"));
}

TEST_F(TextCorpusTest, DocumentsStandBetweenEndsOfText) {
  const TextCorpus corpus = build("||ab|c\n|||a b|", "|");
  const int32_t end = tokenizer_.token_to_id("<|endoftext|>");
  const auto document = [&](std::string_view text) {
    std::vector<int32_t> expected{end};
    for (const int32_t id : tokenizer_.encode(text)) expected.push_back(id);
    expected.push_back(end);
    return expected;
  };
  ASSERT_EQ(corpus.documents(), 3) << "empty ones are none";
  EXPECT_EQ(ids(corpus.document(0)), document("ab"));
  EXPECT_EQ(ids(corpus.document(1)), document("c\n"));
  EXPECT_EQ(ids(corpus.document(2)), document("a b"));
  EXPECT_EQ(corpus.tokens().size(), 1u + 3 + 3 + 4);
  EXPECT_EQ(corpus.text_bytes(), 14);
}

TEST_F(TextCorpusTest, AnEndOfTextThatTheTextSpellsOutIsText) {
  tokenizer_ = make_tokenizer(TokenizerPipeline::byte_pairs);
  const int32_t end = tokenizer_.token_to_id("<|endoftext|>");
  ASSERT_EQ(tokenizer_.encode("a<|endoftext|>b")[1], end);
  const std::vector<int32_t> tokens = ids(build("a<|endoftext|>b").tokens());
  EXPECT_EQ(std::count(tokens.begin(), tokens.end(), end), 0);
  EXPECT_EQ(tokenizer_.decode(tokens), "a<|endoftext|>b");
  const std::vector<int32_t> documents = ids(build("a<|endoftext|>b", "<|endoftext|>").tokens());  // unless it is named as the separator
  EXPECT_EQ(std::count(documents.begin(), documents.end(), end), 3);
}

// Several rounds of tasks, so that documents and words lie across their ends.
TEST_F(TextCorpusTest, LargeTextsHaveTheTokensOfTheWholeOnAnyNumberOfThreads) {
  const std::string text = random_text(size_t{9} << 18);
  for (const std::string separator : {"", "\n\n", "a b"}) {
    for (const TokenizerPipeline pipeline : {TokenizerPipeline::characters, TokenizerPipeline::byte_pairs}) {
      tokenizer_ = make_tokenizer(pipeline);
      std::vector<int32_t> expected;
      if (!separator.empty()) expected.push_back(0);
      for (size_t begin = 0; begin < text.size();) {
        const size_t end = separator.empty() ? text.size() : std::min(text.find(separator, begin), text.size());
        for (const int32_t id : tokenizer_.encode(std::string_view(text).substr(begin, end - begin))) expected.push_back(id);
        if (!separator.empty() && expected.back() != 0) expected.push_back(0);
        begin = end + separator.size();
      }
      set_num_threads(pipeline == TokenizerPipeline::characters ? 3 : 1);
      const TextCorpus corpus = build(text, separator);
      EXPECT_TRUE(std::equal(corpus.tokens().begin(), corpus.tokens().end(), expected.begin(), expected.end()))
          << "separator " << separator;
      if (separator.empty()) continue;
      int64_t ends = 0;
      for (int64_t i = 0; i < corpus.documents(); ++i) {
        ends += corpus.document(i).front() == 0 && corpus.document(i).back() == 0 && corpus.document(i).size() > 2;
      }
      EXPECT_EQ(ends, corpus.documents());
      EXPECT_EQ(std::count(expected.begin(), expected.end(), 0), corpus.documents() + 1);
    }
  }
}

TEST_F(TextCorpusTest, ThePartOfAFileIsAllThatIsRead) {
  write_file_atomically(directory_ / "text", "xxabcyy\xFF");
  options_.text.begin = 2;
  options_.text.end = 5;
  const TextCorpus corpus = TextCorpus::build(options_, tokenizer_);
  EXPECT_EQ(ids(corpus.tokens()), tokenizer_.encode("abc"));
  EXPECT_EQ(corpus.text_bytes(), 3);
}

TEST_F(TextCorpusTest, TheCacheIsUsedAgainUnlessSomethingChanged) {
  build("abcd");
  const auto time = std::filesystem::last_write_time(options_.cache);
  build("abcd");
  EXPECT_EQ(std::filesystem::last_write_time(options_.cache), time);
  EXPECT_EQ(ids(build("abce").tokens()), tokenizer_.encode("abce"));
  EXPECT_EQ(build("ab|ce", "|").documents(), 2);
  EXPECT_EQ(build("ab|ce", "c").documents(), 2);
  tokenizer_ = make_tokenizer(TokenizerPipeline::bytes);
  EXPECT_EQ(ids(build("ab|ce").tokens()), tokenizer_.encode("ab|ce"));
}

TEST_F(TextCorpusTest, ADamagedCacheIsMadeAgain) {
  const std::string text = random_text(1000);
  build(text, "\n");
  const std::string good = read_file(options_.cache);
  for (size_t place = 0; place < good.size(); place += place < 100 || place + 200 > good.size() ? 1 : 97) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 4);
    write_file_atomically(options_.cache, bad);
    const TextCorpus corpus = build(text, "\n");
    ASSERT_EQ(read_file(options_.cache), good) << place;
    write_file_atomically(options_.cache, good.substr(0, place));
    build(text, "\n");
    ASSERT_EQ(read_file(options_.cache), good) << place;
  }
}

TEST_F(TextCorpusTest, BadTextsAreOneLineEach) {
  const auto message = [&](std::string_view text, std::string_view separator = {}) {
    return error_of([&] { build(text, separator); }, ErrorCode::bad_input);
  };
  const std::string path = (directory_ / "text").string();
  EXPECT_THAT(message(""), HasSubstr(path + " is empty"));
  EXPECT_THAT(message("||||", "|"), HasSubstr(path + " has no text between its separators"));
  std::string long_text = random_text(2'000'000);
  const auto line = 1 + std::count(long_text.begin(), long_text.begin() + 1'500'000, '\n');
  long_text[1'500'000] = '\xFF';
  EXPECT_THAT(message(long_text), HasSubstr(fmt::format("{}:{}: invalid UTF-8 (byte 0xff)", path, line)));
  EXPECT_FALSE(std::filesystem::exists(options_.cache));
  options_.text.source = directory_ / "nowhere";
  EXPECT_THAT(error_of([&] { TextCorpus::build(options_, tokenizer_); }, ErrorCode::io), HasSubstr("nowhere"));
}

TEST_F(TextCorpusTest, TheSplitCountsCharactersAsNanoGptDoes) {
  const std::filesystem::path path = directory_ / "text";
  std::string text;
  for (int i = 0; i < 1'000'003; ++i) text += i % 3 ? "a" : "日";
  write_file_atomically(path, text);
  const TextSplit split = split_text(path, 0.1);
  EXPECT_EQ(split.first.begin, 0u);
  EXPECT_EQ(split.first.end, split.second.begin);
  EXPECT_EQ(split.second.end, text.size());
  const auto characters = static_cast<int>(1'000'003 * 0.9);  // int(n * 0.9)
  EXPECT_EQ(split.first.end, static_cast<size_t>(characters + 2 * ((characters + 2) / 3)));
}

TEST_F(TextCorpusTest, TheSplitOfDocumentsCutsNone) {
  const std::filesystem::path path = directory_ / "text";
  write_file_atomically(path, "abcdefgh--abcdefgh--abcdefgh--abc");
  EXPECT_EQ(split_text(path, 0.5, "--").first.end, 20u);
  EXPECT_THAT(error_of([&] { split_text(path, 0.05, "--"); }, ErrorCode::bad_input), HasSubstr("no document begins in the last 0.05"));
  write_file_atomically(path, "a");
  EXPECT_THAT(error_of([&] { split_text(path, 0.1); }, ErrorCode::bad_input), HasSubstr("too short"));
}

}  // namespace
}  // namespace qkv
