#include "base/temporary_directory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/error.h"

namespace qkv {
namespace {

TEST(TemporaryDirectory, PlaceThatIsNotThereIsNamedWithItsVariable) {
  const TemporaryDirectory directory;
  const std::string nowhere = (directory / "nowhere").string();
  const char* before = std::getenv("TMPDIR");
  const std::string kept = before ? before : "";
  ASSERT_EQ(setenv("TMPDIR", nowhere.c_str(), 1), 0);
  try {
    const TemporaryDirectory other;
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::io);
    EXPECT_THAT(error.what(),
                testing::AllOf(testing::HasSubstr(nowhere), testing::HasSubstr("TMPDIR"), testing::HasSubstr("No such file")));
  }
  before ? setenv("TMPDIR", kept.c_str(), 1) : unsetenv("TMPDIR");
}

TEST(TemporaryDirectory, GoesWithItsContent) {
  std::filesystem::path path;
  {
    const TemporaryDirectory directory;
    path = directory.path();
    directory.write("x", "content");
    EXPECT_TRUE(std::filesystem::exists(path / "x"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace qkv
