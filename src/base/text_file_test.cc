#include "base/text_file.h"

#include <gtest/gtest.h>

#include <string>

#include "base/error.h"

namespace qkv {
namespace {

using namespace std::string_literals;

std::string message(const std::string& content, TextShape shape = TextShape::lines) {
  try {
    check_is_text("data/train.en", content, shape);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::bad_input);
    EXPECT_EQ(std::string(error.what()).find("data/train.en"), 0u) << "the file is not named";
    return error.what();
  }
  return "";
}

// "ab\n" in two bytes a character.
std::string utf16(int times) {
  std::string text;
  for (int i = 0; i < times; ++i) text += "a\0b\0\n\0"s;
  return text;
}

TEST(TextFile, WideEncodingsAreNamedWithAndWithoutTheirMark) {
  EXPECT_NE(message("\xff\xfe"s + utf16(1)).find("UTF-16"), std::string::npos);
  EXPECT_NE(message("\xfe\xff\0a"s).find("iconv -f UTF-16"), std::string::npos);
  EXPECT_NE(message(utf16(20)).find("UTF-16"), std::string::npos);
  EXPECT_NE(message("\xff\xfe\0\0a\0\0\0"s).find("UTF-32"), std::string::npos);
  EXPECT_NE(message("a\0\0\0b\0\0\0c\0\0\0d\0\0\0e\0\0\0"s).find("UTF-32"), std::string::npos);
}

TEST(TextFile, PackedFilesAreNamedWithWhatUnpacksThem) {
  EXPECT_NE(message("\x1f\x8b\x08rest"s).find("gunzip"), std::string::npos);
  EXPECT_NE(message("PK\x03\x04rest"s).find("zip"), std::string::npos);
  EXPECT_NE(message("\xfd\x37zXZ\0rest"s).find("unxz"), std::string::npos);
  EXPECT_NE(message("BZh91AY&SYrest").find("bunzip2"), std::string::npos);
  EXPECT_NE(message("\x04\x22\x4d\x18rest"s).find("unlz4"), std::string::npos);
  EXPECT_NE(message("\x1f\x9drest"s).find("uncompress"), std::string::npos);
  EXPECT_NE(message("7z\xbc\xaf\x27\x1crest"s).find("7-Zip"), std::string::npos);
  EXPECT_NE(message("train.en" + std::string(249, '0') + "ustar").find("tar -x"), std::string::npos);
  EXPECT_NE(message("PAR1rest").find("Parquet"), std::string::npos);
  EXPECT_NE(message("\x28\xb5\x2f\xfdrest"s, TextShape::whole).find("unzstd"), std::string::npos);
}

TEST(TextFile, LinesOfOldMacsAreRefusedWhereLinesCount) {
  EXPECT_NE(message("one\rtwo\rthree").find("carriage return"), std::string::npos);
  EXPECT_EQ(message("one\rtwo\rthree", TextShape::whole), "");
  EXPECT_EQ(message("one\r\ntwo\rthree\r\n"), "");
  EXPECT_EQ(message("one\r"), "");
}

TEST(TextFile, TextIsText) {
  for (const std::string& content :
       {""s, "\n"s, "BZh is no magic"s, "PK"s, "\xef\xbb\xbfone\n"s, "a \0 in it, once\n"s, "\xfc in Latin-1\n"s})
    EXPECT_EQ(message(content), "");
  EXPECT_EQ(byte_order_mark_size("\xef\xbb\xbfone"), 3u);
  EXPECT_EQ(byte_order_mark_size("\xef\xbb"), 0u);
  EXPECT_EQ(byte_order_mark_size(""), 0u);
}

}  // namespace
}  // namespace qkv
