#include "base/foreign_file.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(ForeignFile, IsToldByItsFirstBytes) {
  EXPECT_TRUE(
      foreign_file("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n").starts_with("a pointer of git-lfs"));
  EXPECT_TRUE(foreign_file("\n <!DOCTYPE html><html>").starts_with("a web page"));
  EXPECT_TRUE(foreign_file("PK\x03\x04").starts_with("a zip archive"));
  EXPECT_TRUE(foreign_file("\x80\x02}q").starts_with("a pickle"));
  EXPECT_TRUE(foreign_file("GGUF\x03").starts_with("a GGUF file"));
  EXPECT_EQ(foreign_file(""), "empty");
  EXPECT_EQ(foreign_file("{\"a\": 1}"), "");
  EXPECT_EQ(foreign_file("version 2"), "");
}

}  // namespace
}  // namespace qkv
