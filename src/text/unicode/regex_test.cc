#include "text/unicode/regex.h"

#include <dlfcn.h>
#include <gtest/gtest.h>
#include <regex.h>

#include "text/files/test_files.h"
#include "text/stages/normalizers.h"
#include "text/stages/pre_tokenizers.h"

namespace qkv {
namespace {

using nlohmann::json;

std::string replaced(const std::string& text, const std::string& pattern) { return replace_all(text, Regex(pattern, "t.json"), "-"); }

TEST(Regex, PatternsMatchWhatTheTokenizersLibraryMatches) {
  const json cases = golden("regex.json");
  for (const json& each : cases["replaced"]) {
    const auto pattern = each[0].get<std::string>();
    const Regex regex(pattern, "t.json");
    for (size_t i = 1; i < each.size(); ++i) {
      const auto text = cases["texts"][each[i][0].get<size_t>()].get<std::string>();
      EXPECT_EQ(replace_all(text, regex, "-"), each[i][1].get<std::string>()) << pattern << " on " << text;
    }
  }
}

TEST(Regex, PatternsThatTheTokenizersLibraryRefusesAreRefusedByName) {
  const json patterns = golden("regex.json")["refused"];
  for (const json& each : patterns) {
    ErrorCode code{};
    const auto pattern = each.get<std::string>();
    const std::string message = error_of([&] { Regex(pattern, "t.json"); }, &code);
    EXPECT_TRUE(message.starts_with("t.json: the pattern \"" + pattern + "\" is not a regular expression (")) << message;
    EXPECT_EQ(code, ErrorCode::bad_input);
  }
}

TEST(Regex, SplitCutsWhereTheTokenizersLibraryCuts) {
  const json patterns = golden("regex.json")["split"];
  for (const json& each : patterns) {
    const json stage = {{"type", "Split"}, {"pattern", {{"Regex", each[0]}}}, {"behavior", each[1]}, {"invert", each[2]}};
    PieceList list(NormalizedText(each[3].get<std::string>()));
    make_pre_tokenizer(JsonNode(stage, "t.json"))->apply(list);
    std::vector<size_t> places;
    for (const PieceList::Piece& piece : list.pieces) places.insert(places.end(), {piece.begin, piece.end});
    EXPECT_EQ(places, each[4].get<std::vector<size_t>>()) << each;
  }
}

// normalizers.Replace("", "-") of `tokenizers` 0.23.
TEST(Regex, AnEmptyLiteralIsFoundBesideEachCharacter) {
  EXPECT_EQ(replace_all("aé b", Regex::literal(""), "-"), "-a-é- -b-");
  EXPECT_EQ(replace_all("", Regex::literal(""), "-"), "");
}

TEST(Regex, TheScannerForRunsOfSpaceDoesWhatThePatternDoes) {
  for (const std::string text : {"", " ", "a", " \u3000a\t\tb\u00A0", "a\u2028\u2029", "\u1680x \u180Ey"}) {
    EXPECT_EQ(replaced(text, "\\s+"), replaced(text, "(?:\\s)+")) << text;
  }
}

TEST(Regex, AHostilePatternIsAnErrorNotAHang) {
  const auto message = [](const std::string& pattern, const std::string& text) {
    ErrorCode code{};
    const std::string error = error_of([&] { Regex(pattern, "t.json").find_all(text, [](size_t, size_t) {}); }, &code);
    EXPECT_EQ(code, ErrorCode::bad_input) << error;
    return error;
  };
  EXPECT_EQ(message("(a+)+$", std::string(60, 'a') + "b"),
            "the tokenizer's pattern \"(a+)+$\" fails on a text of 61 bytes: retry-limit-in-match over");
  EXPECT_NE(message("(?:a|aa)+\\d", std::string(60, 'a')).find("limit"), std::string::npos);
  EXPECT_NE(message(std::string(100'000, '(') + "a", "a").find("is not a regular expression"), std::string::npos);
  EXPECT_NE(message(std::string(2 << 20, 'a'), "a").find("t.json: a pattern has 2097152 bytes"), std::string::npos);
  EXPECT_LT(message("(" + std::string(100'000, 'a'), "a").size(), 700u);
}

// A lookahead may read to the end of the text at each place without a retry.
TEST(Regex, APatternOfSquareTimeEndsWithAnError) {
  const std::string digits(100'000, '1');
  const std::string message = error_of([&] { Regex("(?=(?:\\d{3})*\\b)(\\d)(?!\\1)", "t.json").find_all(digits, [](size_t, size_t) {}); });
  EXPECT_NE(message.find("fails on a text of 100000 bytes: "), std::string::npos) << message;
}

// Oniguruma's library has functions of the same names.
TEST(Regex, ThePosixFunctionsOfTheProcessAreStillTheSystems) {
  Dl_info place{};
  ASSERT_NE(dladdr(reinterpret_cast<void*>(&::regcomp), &place), 0);
  EXPECT_EQ(std::string(place.dli_fname).find("onig"), std::string::npos) << place.dli_fname;
}

}  // namespace
}  // namespace qkv
