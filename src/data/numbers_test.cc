#include "data/numbers.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <stdexcept>

#include "base/files.h"
#include "base/temporary_directory.h"
#include "qkv/error.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

std::map<size_t, int> by_digits(const std::vector<int32_t>& numbers) {
  std::map<size_t, int> counts;
  for (const int32_t number : numbers) ++counts[std::to_string(number).size()];
  return counts;
}

TEST(Numbers, SetsAreDisjointAndStratified) {
  for (const int64_t count : {100, 101, 300, 1703, 20000, 998000}) {
    const NumberSets sets = choose_numbers(count, 1);
    EXPECT_EQ(static_cast<int64_t>(sets.train.size()), count);
    std::vector<int> times(1000000);
    for (const auto* set : {&sets.train, &sets.valid, &sets.test}) {
      for (const int32_t number : *set) ++times.at(static_cast<size_t>(number));
    }
    EXPECT_EQ(std::count(times.begin(), times.end(), 1), count + 2000) << "a number is in two sets";
    const std::map<size_t, int> fair{{3, 250}, {4, 250}, {5, 250}, {6, 250}};
    EXPECT_EQ(by_digits(sets.valid), fair);
    EXPECT_EQ(by_digits(sets.test), fair);
    EXPECT_EQ(std::count_if(sets.train.begin(), sets.train.end(), [](int32_t n) { return n < 100; }), 100);
  }
  EXPECT_EQ(by_digits(choose_numbers(900, 1).train), (std::map<size_t, int>{{1, 10}, {2, 90}, {3, 200}, {4, 200}, {5, 200}, {6, 200}}));
  EXPECT_EQ(by_digits(choose_numbers(20000, 1).train),
            (std::map<size_t, int>{{1, 10}, {2, 90}, {3, 400}, {4, 6500}, {5, 6500}, {6, 6500}}));
}

TEST(Numbers, SeedDecidesAndLargerCountsContainSmallerOnes) {
  const NumberSets a = choose_numbers(1000, 1), same = choose_numbers(1000, 1), other = choose_numbers(1000, 2),
                   more = choose_numbers(5000, 1);
  EXPECT_EQ(a.train, same.train);
  EXPECT_EQ(a.test, same.test);
  EXPECT_NE(a.test, other.test);
  EXPECT_EQ(a.valid, more.valid);
  EXPECT_EQ(a.test, more.test);
  const std::set<int32_t> all(more.train.begin(), more.train.end());
  EXPECT_TRUE(std::all_of(a.train.begin(), a.train.end(), [&](int32_t n) { return all.contains(n); }));
  EXPECT_FALSE(std::is_sorted(a.train.begin(), a.train.end()));
}

TEST(Numbers, AreSpelledAsPeopleWriteThem) {
  const std::vector<std::pair<const char*, const char*>> words = {{"en", "three hundred forty-two thousand twenty-one"},
                                                                  {"de", "dreihundertzweiundvierzigtausendeinundzwanzig"},
                                                                  {"fr", "trois cent quarante-deux mille vingt-et-un"},
                                                                  {"ja", "三十四万二千二十一"},
                                                                  {"zh", "三十四万二千〇二十一"},
                                                                  {"es", "trescientos cuarenta y dos mil veintiuno"},
                                                                  {"pt_PT", "trezentos e quarenta e dois mil e vinte e um"}};
  for (const auto& [locale, expected] : words) EXPECT_EQ(NumberSpeller(locale).spell(342021), expected);
}

TEST(Numbers, UnknownLocaleIsAnErrorThatSaysWhatToDo) {
  for (const char* locale : {"xx", "tlh", "german", "root", "xx-nowhere"}) {
    try {
      NumberSpeller speller(locale);
      ADD_FAILURE() << locale << " spells 21 as " << speller.spell(21);
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), AllOf(HasSubstr(locale), HasSubstr("give a language like en, de")));
    }
  }
}

class NumberFiles : public testing::Test {
 protected:
  NumberFiles() {
    options_.output = directory_ / "data";
    options_.count = 200;
  }

  std::vector<std::string> names(const fs::path& directory) const {
    std::vector<std::string> found;
    for (const auto& entry : fs::directory_iterator(directory)) found.push_back(entry.path().filename().string());
    return found;
  }
  std::string write_error() const {
    try {
      write_numbers(options_);
    } catch (const Error& error) {
      return error.what();
    }
    return "no error";
  }

  TemporaryDirectory directory_;
  NumbersOptions options_;
};

TEST_F(NumberFiles, SixFilesWhoseLinesTranslateEachOther) {
  options_.output = directory_ / "data/";
  write_numbers(options_);
  EXPECT_THAT(names(directory_.path()), UnorderedElementsAre("data"));
  EXPECT_THAT(names(directory_ / "data"), UnorderedElementsAre("train.en", "train.de", "valid.en", "valid.de", "test.en", "test.de"));
  const NumberSpeller en("en"), de("de");
  const NumberSets sets = choose_numbers(200, 1);
  for (const auto& [name, numbers] : {std::pair("train", &sets.train), std::pair("valid", &sets.valid), std::pair("test", &sets.test)}) {
    const auto source = read_lines(options_.output / (std::string(name) + ".en")),
               target = read_lines(options_.output / (std::string(name) + ".de"));
    ASSERT_EQ(source.size(), numbers->size());
    ASSERT_EQ(target.size(), numbers->size());
    for (size_t i = 0; i < source.size(); ++i) {
      EXPECT_EQ(source[i], en.spell((*numbers)[i]));
      EXPECT_EQ(target[i], de.spell((*numbers)[i]));
    }
  }
}

TEST_F(NumberFiles, ExistingDirectoryIsKeptUnlessToldOtherwise) {
  write_numbers(options_);
  write_file_atomically(options_.output / "notes", "mine");
  const std::string before = read_file(options_.output / "train.en");
  options_.seed = 2;
  EXPECT_THAT(write_error(), AllOf(HasSubstr(options_.output.string()), HasSubstr("overwrite")));
  EXPECT_EQ(read_file(options_.output / "train.en"), before);
  options_.overwrite = true;
  write_numbers(options_);
  EXPECT_NE(read_file(options_.output / "train.en"), before);
  EXPECT_EQ(read_file(options_.output / "notes"), "mine");
  EXPECT_EQ(names(options_.output).size(), 7u) << "something temporary is left";
}

TEST_F(NumberFiles, WrongOptionsWriteNothing) {
  const auto error_with = [&](auto change) {
    const NumbersOptions before = options_;
    change(options_);
    const std::string message = write_error();
    options_ = before;
    EXPECT_TRUE(fs::is_empty(directory_.path())) << message;
    return message;
  };
  EXPECT_THAT(error_with([](auto& o) { o.count = 998001; }), AllOf(HasSubstr("count 998001"), HasSubstr("at most 998000")));
  EXPECT_THAT(error_with([](auto& o) { o.count = 99; }), HasSubstr("count 99"));
  EXPECT_THAT(error_with([](auto& o) { o.count = -1; }), HasSubstr("count -1"));
  EXPECT_THAT(error_with([](auto& o) { o.to = "xx"; }), HasSubstr("\"xx\""));
  EXPECT_THAT(error_with([](auto& o) { o.from = "../en"; }), HasSubstr("from \"../en\""));
  EXPECT_THAT(error_with([](auto& o) { o.to = "en"; }), HasSubstr("must differ"));
  EXPECT_THAT(error_with([&](auto& o) { o.output = directory_ / "none" / std::string(300, 'x'); }), HasSubstr("cannot"));
}

}  // namespace
}  // namespace qkv
