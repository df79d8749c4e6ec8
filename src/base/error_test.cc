#include "base/error.h"

#include <gtest/gtest.h>

namespace qkv {
namespace {

TEST(Error, AMessageIsOneLineWhateverAFileHolds) {
  try {
    fail(ErrorCode::bad_input, "{}: no key \"{}\" in ä", "a.gguf", std::string("a\nb\x1b[1m\r\0c\x7f", 11));
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(), "a.gguf: no key \"a b [1m  c \" in ä");
    return;
  }
  FAIL();
}

}  // namespace
}  // namespace qkv
