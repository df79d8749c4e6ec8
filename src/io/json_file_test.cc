#include "io/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <nlohmann/json.hpp>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"

namespace qkv {
namespace {

using testing::HasSubstr;

std::string message(const std::string& content) {
  const TemporaryDirectory directory;
  const auto path = directory / "some.json";
  write_file_atomically(path, content);
  try {
    read_json_object(path);
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(JsonFile, MessagesNameThePlace) {
  EXPECT_EQ(message(R"({"a": [1, {"a": 2}], "b": {"a": 3}})"), "no error");
  EXPECT_THAT(message("{\n \"a\": 1,\n \"b\": tru }"), HasSubstr(".json:3:"));
  EXPECT_THAT(message(""), HasSubstr("not valid JSON"));
  EXPECT_THAT(message("[1]"), HasSubstr("object"));
  EXPECT_THAT(message("{\"a\": \"\xff\"}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(message("{\"a\": 1e999}"), HasSubstr("too large"));
}

TEST(JsonFile, KeyGivenTwiceIsRefused) { EXPECT_THAT(message(R"({"a": {"b": 1, "c": 2, "b": 3}})"), HasSubstr("key \"b\" twice")); }

TEST(JsonFile, DeepNestingIsRefusedBeforeItHurts) { EXPECT_THAT(message("{\"a\": " + std::string(1'000'000, '[')), HasSubstr("deep")); }

}  // namespace
}  // namespace qkv
