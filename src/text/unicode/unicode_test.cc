#include "text/unicode/unicode.h"

#include <gtest/gtest.h>

#include <functional>

#include "base/utf8.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

constexpr char32_t kEnd = 0x110000;
bool is_surrogate(char32_t c) { return c >= 0xD800 && c < 0xE000; }

struct NamedClass {
  const char* name;
  bool (*is_member)(char32_t);
};

class CharacterClass : public testing::TestWithParam<NamedClass> {};

TEST_P(CharacterClass, HasTheSameCharactersAsInTokenizers) {
  const auto& [name, is_member] = GetParam();
  const nlohmann::json classes = golden("unicode.json")["classes"];
  std::vector<bool> expected(kEnd);
  for (const auto& range : classes[name]) {
    for (char32_t c = range[0].get<char32_t>(); c <= range[1].get<char32_t>(); ++c) expected[c] = true;
  }
  int wrong = 0;
  for (char32_t c = 0; c < kEnd && wrong < 10; ++c) {
    if (is_surrogate(c) || is_member(c) == expected[c]) continue;
    ADD_FAILURE() << fmt::format("U+{:04X}: {}", static_cast<uint32_t>(c), expected[c] ? "missing" : "too much");
    ++wrong;
  }
}

INSTANTIATE_TEST_SUITE_P(All, CharacterClass,
                         testing::Values(NamedClass{"white_space", is_white_space}, NamedClass{"punctuation", is_punctuation},
                                         NamedClass{"numeric", is_numeric}, NamedClass{"letter", is_letter},
                                         NamedClass{"number", is_number}, NamedClass{"word_character", is_word_character},
                                         NamedClass{"combining_mark", is_combining_mark}, NamedClass{"control", is_control},
                                         NamedClass{"nonspacing_mark", is_nonspacing_mark}),
                         [](const auto& info) { return std::string(info.param.name); });

void expect_forms(const std::string& name, const std::function<std::string(char32_t)>& form) {
  const nlohmann::json expected = golden("unicode.json");
  const auto block = expected["block"].get<char32_t>();
  for (char32_t first = 0; first < kEnd; first += block) {
    std::string all;
    bool any = false;
    for (char32_t c = first; c < first + block; ++c) {
      if (is_surrogate(c)) continue;
      if (any) all.push_back('\n');
      any = true;
      all += form(c);
    }
    EXPECT_EQ(hash_of(all), expected["forms"][name][first / block])
        << fmt::format("{} from U+{:04X} on", name, static_cast<uint32_t>(first));
  }
}

std::string normalized(NormalForm form, char32_t c) {
  std::string text;
  append_utf8(text, c);
  normalize_unicode(form, text);
  return text;
}

TEST(NormalForm, OfEveryCharacterIsThatOfTokenizers) {
  expect_forms("nfc", [](char32_t c) { return normalized(NormalForm::nfc, c); });
  expect_forms("nfd", [](char32_t c) { return normalized(NormalForm::nfd, c); });
  expect_forms("nfkc", [](char32_t c) { return normalized(NormalForm::nfkc, c); });
  expect_forms("nfkd", [](char32_t c) { return normalized(NormalForm::nfkd, c); });
}

TEST(NormalForm, LowerCaseOfEveryCharacterIsThatOfTokenizers) {
  expect_forms("lowercase", [](char32_t c) {
    std::string text;
    append_lower_case(text, c);
    return text;
  });
}

// UAX 15, figures 3 to 6.
TEST(NormalForm, MarksAreOrderedAndComposed) {
  std::string text = "s\u0307\u0323 \uFB01 2\u2075 \u212B";
  normalize_unicode(NormalForm::nfc, text);
  EXPECT_EQ(text, "\u1E69 \uFB01 2\u2075 \u00C5");
  normalize_unicode(NormalForm::nfd, text);
  EXPECT_EQ(text, "s\u0323\u0307 \uFB01 2\u2075 A\u030A");
  normalize_unicode(NormalForm::nfkc, text);
  EXPECT_EQ(text, "\u1E69 fi 25 \u00C5");
}

// By Python's str.lower().
TEST(Unicode, LowerCaseHasTheFinalSigma) {
  EXPECT_EQ(lower_case("ΟΔΥΣΣΕΥΣ ΣΑΣ, Σ ΑΣ\u00adΒ ΑΣ."), "οδυσσευς σας, σ ασ\u00adβ ας.");
  EXPECT_EQ(lower_case("İS ÀÉ ẞ"), "i\u0307s àé ß");
  EXPECT_EQ(lower_case(""), "");
}

}  // namespace
}  // namespace qkv
