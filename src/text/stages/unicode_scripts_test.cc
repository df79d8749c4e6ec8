#include "text/stages/unicode_scripts.h"

#include <gtest/gtest.h>

#include <map>

#include "base/utf8.h"
#include "text/files/test_files.h"

namespace qkv {
namespace {

size_t pieces_of(const std::string& text) {
  PieceList list{NormalizedText(text)};
  make_unicode_scripts_pre_tokenizer()->apply(list);
  return list.pieces.size();
}

TEST(UnicodeScripts, OfEveryCharacterIsThatOfTokenizers) {
  const nlohmann::json unicode = golden("unicode.json");
  std::map<int, std::string> first_of_group;
  int wrong = 0;
  for (const auto& range : unicode["scripts"]) {
    const int group = range[2];
    for (char32_t c = range[0].get<char32_t>(); c <= range[1].get<char32_t>() && wrong < 10; ++c) {
      std::string text;
      append_utf8(text, c);
      const auto name = [&] { return fmt::format("U+{:04X}", static_cast<uint32_t>(c)); };
      if (group < 0) {
        if (pieces_of(text) == 0) continue;
        ADD_FAILURE() << name() << " has a script";
        ++wrong;
        continue;
      }
      const auto [first, fresh] = first_of_group.emplace(group, text);
      const size_t pieces = pieces_of(first->second + text);
      if (pieces == 1) continue;
      ADD_FAILURE() << name() << (pieces == 0 ? " has no script" : " has not the script of " + first->second);
      ++wrong;
    }
  }
  // Different groups are different scripts.
  std::string all;
  for (const auto& [group, text] : first_of_group) all += text;
  EXPECT_EQ(pieces_of(all), first_of_group.size());
}

}  // namespace
}  // namespace qkv
