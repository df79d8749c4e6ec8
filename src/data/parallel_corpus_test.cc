#include "data/parallel_corpus.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/parallel.h"
#include "data/test_corpus.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

class Corpus : public TestCorpus {
 protected:
  std::string build_error(ErrorCode code = ErrorCode::bad_input) {
    try {
      build();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      EXPECT_FALSE(fs::exists(options_.cache)) << "half a cache is left";
      return error.what();
    }
    return "no error";
  }
};

TEST_F(Corpus, PairsAreTheIdsOfTheirLinesWithEndAtTheEnd) {
  write("ab\nc\r\nabc", "cba\na\nb\n");
  const ParallelCorpus corpus = build();
  ASSERT_EQ(corpus.size(), 3);
  EXPECT_THAT(corpus.source(0), ElementsAre(id('a'), id('b'), kEnd));
  EXPECT_THAT(corpus.target(0), ElementsAre(id('c'), id('b'), id('a'), kEnd));
  EXPECT_THAT(corpus.source(1), ElementsAre(id('c'), kEnd)) << "the carriage return is no part of the line";
  EXPECT_THAT(corpus.source(2), ElementsAre(id('a'), id('b'), id('c'), kEnd)) << "the last line needs no line end";
  EXPECT_THAT(corpus.target(2), ElementsAre(id('b'), kEnd));
}

TEST_F(Corpus, SpecialTokensThatALineSpellsOutAreText) {
  set_letters("abc</s>unk");
  write("a</s>b\n<unk>c</s>\n", "c\n</s>\n");
  const ParallelCorpus corpus = build();
  const std::vector<int32_t> end{id('<'), id('/'), id('s'), id('>')};
  EXPECT_THAT(corpus.source(0), ElementsAre(id('a'), end[0], end[1], end[2], end[3], id('b'), kEnd));
  EXPECT_THAT(corpus.source(1), ElementsAre(id('<'), id('u'), id('n'), id('k'), id('>'), id('c'), end[0], end[1], end[2], end[3], kEnd));
  EXPECT_THAT(corpus.target(1), ElementsAre(end[0], end[1], end[2], end[3], kEnd));
}

TEST_F(Corpus, ByteOrderMarkIsNoPartOfTheFirstLine) {
  write(
      "\xef\xbb\xbf"
      "ab\nc\n",
      "\xef\xbb\xbf"
      "cba\na\n");
  const ParallelCorpus corpus = build();
  ASSERT_EQ(corpus.size(), 2);
  EXPECT_THAT(corpus.source(0), ElementsAre(id('a'), id('b'), kEnd));
  EXPECT_THAT(corpus.target(0), ElementsAre(id('c'), id('b'), id('a'), kEnd));
  EXPECT_THAT(corpus.source(1), ElementsAre(id('c'), kEnd));
}

TEST_F(Corpus, FilesThatAreNoTextAreNamedBeforeTheirLinesAreCounted) {
  using namespace std::string_literals;
  write("a\nb\nc\n",
        "\xff\xfe"
        "a\0\n\0b\0\n\0"s);
  EXPECT_THAT(build_error(), AllOf(HasSubstr("train.de is UTF-16"), HasSubstr("iconv")));
  write("\x1f\x8b\x08 packed", "a\n");
  EXPECT_THAT(build_error(), AllOf(HasSubstr("train.en"), HasSubstr("is damaged")));
  write("a\nb\nc\n", "a\rb\rc\r");
  EXPECT_THAT(build_error(), AllOf(HasSubstr("train.de"), HasSubstr("carriage return")));
}

TEST_F(Corpus, EmptyAndTooLongPairsAreLeftOutAndCounted) {
  options_.max_tokens = 4;
  write("a\n\nab\n \t\nabc\nabcd\na\n", "a\nb\n\nb\nabc\na\nabcd\n");
  const ParallelCorpus corpus = build();
  ASSERT_EQ(corpus.size(), 2);
  EXPECT_EQ(corpus.line(0), 1);
  EXPECT_EQ(corpus.line(1), 5) << "three letters and </s> are four tokens";
  EXPECT_EQ(corpus.empty(), 3);
  EXPECT_EQ(corpus.too_long(), 2);
  // Counts are kept in the cache.
  const ParallelCorpus again = build();
  EXPECT_EQ(again.empty(), 3);
  EXPECT_EQ(again.too_long(), 2);
}

TEST_F(Corpus, DifferentNumbersOfLinesNameBothCountsAndTheMissingLine) {
  // Lines of clearly varying length, each about as long as its translation.
  std::string source, target;
  for (int i = 0; i < 1500; ++i) {
    const size_t length = static_cast<size_t>(3 + (i * 7919) % 83);
    source += std::string(length, 'a') + "\n";
    if (i != 1206) target += std::string(length + static_cast<size_t>(i % 3), 'b') + "\n";
  }
  write(source, target);
  EXPECT_THAT(build_error(), AllOf(StartsWith(options_.target.name() + " has 1,499 lines, " + options_.source.name() + " has 1,500; "),
                                   HasSubstr("line 1,207 of " + options_.source.name())));
  write(target, source);
  EXPECT_THAT(build_error(), HasSubstr("line 1,207 of " + options_.target.name()));
}

TEST_F(Corpus, DifferentNumbersOfLinesWithoutPatternNameOnlyTheCounts) {
  write("a\nb\nc\n", "a\nb\n");
  EXPECT_THAT(build_error(), AllOf(HasSubstr("has 2 lines"), HasSubstr("has 3;"), testing::Not(HasSubstr("may be"))));
}

TEST_F(Corpus, InvalidUtf8NamesTheFirstLine) {
  std::string bad;
  for (int i = 1; i <= 5000; ++i) bad += i == 3001 || i == 4801 ? "ab\xff\n" : "ab\n";
  std::string good;
  for (int i = 1; i <= 5000; ++i) good += "ab\n";
  for (int repeat = 0; repeat < 5; ++repeat) {  // whichever thread comes first
    write(good, bad);
    EXPECT_THAT(build_error(), AllOf(StartsWith(options_.target.name() + ":3001: invalid UTF-8"), HasSubstr("0xff")));
  }
  options_.allow_invalid_utf8 = true;
  EXPECT_EQ(build().size(), 5000);
}

TEST_F(Corpus, EmptyAndMissingFilesAreErrors) {
  write("", "a\n");
  EXPECT_THAT(build_error(), AllOf(HasSubstr(options_.source.name()), HasSubstr("is empty")));
  write("\n\n", "a\nb\n");
  EXPECT_THAT(build_error(), AllOf(HasSubstr("no pair"), HasSubstr("2 have an empty side")));
  options_.target = directory_ / "none";
  EXPECT_THAT(build_error(ErrorCode::io), HasSubstr(options_.target.name()));
}

TEST_F(Corpus, CacheIsUsedAgainOnlyForTheSameTextTokenizerAndOptions) {
  write("ab\nc\n", "a\nb\n");
  const auto inode_after = [&] {
    build();
    struct stat status {};
    EXPECT_EQ(stat(options_.cache.c_str(), &status), 0);
    return status.st_ino;
  };
  // A file made anew has another inode as long as the old one is held open.
  std::vector<MappedFile> held;
  const auto is_made_again = [&](auto&& change) {
    held.emplace_back(options_.cache);
    const auto before = inode_after();
    change();
    return inode_after() != before;
  };
  build();
  EXPECT_FALSE(is_made_again([] {}));
  EXPECT_FALSE(is_made_again([&] { write("ab\nc\n", "a\nb\n"); })) << "only the time of the files is new";
  EXPECT_TRUE(is_made_again([&] { write("ab\nb\n", "a\nb\n"); }));
  EXPECT_THAT(build().source(1), ElementsAre(id('b'), kEnd));
  EXPECT_TRUE(is_made_again([&] { write("ab\nb\n", "a\nc\n"); }));
  EXPECT_TRUE(is_made_again([&] { options_.max_tokens = 7; }));
  EXPECT_TRUE(is_made_again([&] { set_letters("cba"); }));
  EXPECT_THAT(build().source(1), ElementsAre(id('b'), kEnd));
}

TEST_F(Corpus, DamagedCacheIsMadeAgain) {
  std::string lines;
  for (int i = 0; i < 300; ++i) lines += "abcabcabc\n";
  write(lines, lines);
  build();
  const std::string good = read_file(options_.cache);
  set_log_level(LogLevel::quiet);  // a warning each time
  ASSERT_GT(good.size(), 30000u);
  const auto overwrite = [&](const std::string& content) { std::ofstream(options_.cache, std::ios::binary) << content; };
  for (size_t place = 0; place < good.size(); place += 613) {
    std::string bad = good;
    bad[place] ^= 0x10;
    overwrite(bad);
    ASSERT_EQ(build().size(), 300);
    ASSERT_EQ(read_file(options_.cache), good) << "byte " << place;
  }
  for (const size_t size : {size_t{0}, size_t{1}, size_t{8}, size_t{71}, size_t{72}, good.size() / 2, good.size() - 1}) {
    overwrite(good.substr(0, size));
    ASSERT_EQ(build().size(), 300);
    ASSERT_EQ(read_file(options_.cache), good) << "cut to " << size << " bytes";
  }
  set_log_level(LogLevel::normal);
}

TEST_F(Corpus, CacheDoesNotDependOnTheNumberOfThreads) {
  write_random(10000);
  const int before = num_threads();
  std::vector<std::string> caches;
  for (const int threads : {1, 2, 5}) {
    set_num_threads(threads);
    fs::remove(options_.cache);
    build();
    caches.push_back(read_file(options_.cache));
  }
  set_num_threads(before);
  EXPECT_EQ(caches[0], caches[1]);
  EXPECT_EQ(caches[0], caches[2]);
}

// More pairs than one run of records (65,536) and more text than one block (8 MB) holds; the text is mostly lines of blanks.
TEST_F(Corpus, EveryPairOfALongCorpusIsReadBack) {
  std::string source, target;
  constexpr int kPairs = 70000, kBits = 17;
  const auto number = [](int i, const char* letters) {
    std::string text;
    for (int bit = 0; bit < kBits; ++bit) text += letters[i >> bit & 1];
    return text + "\n";
  };
  for (int i = 0; i < kPairs; ++i) {
    source += number(i, "ab") + std::string(130, ' ') + "\n";
    target += number(i, "bc") + "a\n";
  }
  ASSERT_GT(source.size(), size_t{9} << 20);
  write(source, target);
  const ParallelCorpus corpus = build();
  ASSERT_EQ(corpus.size(), kPairs);
  EXPECT_EQ(corpus.empty(), kPairs);
  for (int i = 0; i < kPairs; ++i) {
    int a = 0, b = 0;
    ASSERT_EQ(corpus.source(i).size(), kBits + 1u);
    ASSERT_EQ(corpus.target(i).size(), kBits + 1u);
    for (size_t bit = 0; bit < kBits; ++bit) {
      a |= (corpus.source(i)[bit] == id('b')) << bit;
      b |= (corpus.target(i)[bit] == id('c')) << bit;
    }
    ASSERT_EQ(a, i);
    ASSERT_EQ(b, i);
    ASSERT_EQ(corpus.line(i), 2 * i + 1);
  }
}

TEST_F(Corpus, TokenizerWithoutEndIsAnError) {
  set_letters("abc", "<end>");
  write("a\n", "b\n");
  EXPECT_THAT(build_error(), HasSubstr("</s>"));
}

}  // namespace
}  // namespace qkv
