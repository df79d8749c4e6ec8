#include "formats/json_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"

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
  EXPECT_THAT(message(""), HasSubstr("some.json is empty"));
  EXPECT_THAT(message("version https://git-lfs.github.com/spec/v1\n"), HasSubstr("some.json is a pointer of git-lfs"));
  EXPECT_THAT(message("<html>"), HasSubstr("some.json is a web page"));
  EXPECT_THAT(message("[1]"), HasSubstr("object"));
  EXPECT_THAT(message("{\"a\": \"\xff\"}"), HasSubstr("not valid JSON"));
  EXPECT_THAT(message("{\"a\": 1e999}"), HasSubstr("too large"));
}

// json.dumps writes them where it is not told otherwise.
TEST(JsonFile, ConstantsOfPythonAreNumbersOutsideOfStrings) {
  const TemporaryDirectory directory;
  const auto path = directory / "some.json";
  write_file_atomically(path, R"({"a": [Infinity, -Infinity,NaN], "b": "NaN, \"Infinity\" \\", "NaN": Infinity, "c": -1})");
  const nlohmann::json json = read_json_object(path);
  EXPECT_EQ(json["a"][0], std::numeric_limits<double>::infinity());
  EXPECT_EQ(json["a"][1], -std::numeric_limits<double>::infinity());
  EXPECT_TRUE(std::isnan(json["a"][2].get<double>()));
  EXPECT_EQ(json["b"], "NaN, \"Infinity\" \\");
  EXPECT_EQ(json["NaN"], std::numeric_limits<double>::infinity());
  EXPECT_EQ(json["c"], -1);
  EXPECT_THAT(message("{\"a\": Infinity,\n\"b\": Inf}"), HasSubstr(".json:2:6: not valid JSON"));
}

TEST(JsonFile, KeyGivenTwiceIsRefused) { EXPECT_THAT(message(R"({"a": {"b": 1, "c": 2, "b": 3}})"), HasSubstr("key \"b\" twice")); }

TEST(JsonFile, DeepNestingIsRefusedBeforeItHurts) { EXPECT_THAT(message("{\"a\": " + std::string(1'000'000, '[')), HasSubstr("deep")); }

}  // namespace
}  // namespace qkv
