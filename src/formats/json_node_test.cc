#include "formats/json_node.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "text/files/test_files.h"

namespace qkv {
namespace {

using testing::AllOf;
using testing::HasSubstr;

TEST(ParseJson, RefusesWhatIsNoJsonAndNamesFileAndLine) {
  const auto message = [](std::string_view text) { return error_of([&] { parse_json(text, "a.json"); }); };
  EXPECT_THAT(message("{\"a\":\n [1, 2,"), AllOf(HasSubstr("a.json"), HasSubstr("line 2"), HasSubstr("ends too early")));
  EXPECT_THAT(message(""), AllOf(HasSubstr("a.json"), HasSubstr("ends too early")));
  EXPECT_THAT(message("\n\n{1: 2}"), AllOf(HasSubstr("line 3"), HasSubstr("not valid JSON")));
  EXPECT_THAT(message("{} x"), HasSubstr("not valid JSON"));
  EXPECT_THAT(message("PK\x03\x04"), HasSubstr("not valid JSON"));
  EXPECT_THAT(message("[\"\xFF\"]"), HasSubstr("not valid JSON"));
  EXPECT_THAT(message("[\"\\ud800\"]"), HasSubstr("not valid JSON"));
}

TEST(ParseJson, RefusesAKeyThatComesTwice) {
  EXPECT_THAT(error_of([] { parse_json(R"({"a": 1, "b": {"a": 1, "c": 2, "a": 3}})", "a.json"); }), HasSubstr("\"a\" twice"));
}

TEST(ParseJson, RefusesDeepNestingWithoutRunningOutOfStack) {
  const std::string deep(1'000'000, '[');
  EXPECT_THAT(error_of([&] { parse_json(deep, "a.json"); }), HasSubstr("deeper than 64"));
}

TEST(ParseJson, BuildsWhatThePlainParserBuilds) {
  const std::string text = R"([{"a": [1, -2, 3.5, true, null, "x\u00e9", {}], "b": {"c": [[]]}}, [], "end"])";
  EXPECT_EQ(parse_json(text, "a.json"), nlohmann::json::parse(text));
}

TEST(JsonNode, SaysWhereAWrongTypeStands) {
  const nlohmann::json value = nlohmann::json::parse(R"({"a": {"b": [true, {"c": "x"}]}, "big": 18446744073709551615})");
  const JsonNode root(value, "a.json");
  EXPECT_EQ(error_of([&] { root.at("a").at("b").item(1).at("c").integer(); }), "a.json: a.b[1].c must be an integer");
  EXPECT_EQ(error_of([&] { root.at("a").at("b").item(0).string(); }), "a.json: a.b[0] must be a string");
  EXPECT_EQ(error_of([&] { root.at("a").at("d"); }), "a.json: a has no \"d\"");
  EXPECT_EQ(error_of([&] { root.at("big").integer(); }), "a.json: big must be an integer");
  EXPECT_EQ(error_of([&] { root.at("a").items(); }), "a.json: a must be an array");
}

}  // namespace
}  // namespace qkv
