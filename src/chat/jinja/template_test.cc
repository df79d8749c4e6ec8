// Jinja's features against jinja2 as transformers sets it up (tools/golden/chat.py), and templates that mean harm.
#include "chat/jinja/template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <ctime>

#include "base/error.h"
#include "base/files.h"
#include "chat/jinja/json_values.h"
#include "formats/json.h"

namespace qkv::jinja {
namespace {

using Variables = std::vector<std::pair<std::string, Value>>;
using testing::HasSubstr;

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/chat";

Variables variables_of(std::string_view json) {
  Variables variables;
  const Value all = parse_json_value(json, "variables");
  for (const auto& [key, value] : all.dict()->entries()) variables.emplace_back(key.text()->bytes, value);
  return variables;
}

std::string render(std::string_view source, const Variables& variables = {}, const Limits& limits = {}) {
  setenv("TZ", "UTC", 1);
  tzset();
  const RenderOptions options{.limits = limits, .now = std::chrono::system_clock::time_point(std::chrono::seconds(1'750'075'384))};
  return Template(source, "t").render(variables, options).text;
}

// The error of a template; empty if there is none.
std::string error_of(std::string_view source, const Variables& variables = {}, const Limits& limits = {}) {
  try {
    render(source, variables, limits);
    return "";
  } catch (const Error& error) {
    EXPECT_EQ(std::string_view(error.what()).find('\n'), std::string_view::npos);
    EXPECT_TRUE(error.code() == ErrorCode::bad_input || error.code() == ErrorCode::unsupported);
    return error.what();
  }
}

std::vector<std::string> golden_templates() {
  std::vector<std::string> templates;
  std::string text = read_file(kGoldens / "engine_cases.txt");
  text.pop_back();
  constexpr std::string_view between = "\n----\n";
  for (size_t at = 0; at <= text.size();) {
    const size_t end = std::min(text.find(between, at), text.size());
    templates.push_back(text.substr(at, end - at));
    at = end + between.size();
  }
  return templates;
}

TEST(JinjaTemplate, EveryFeatureRendersAsJinja2Does) {
  const Variables variables = variables_of(read_file(kGoldens / "engine_variables.json"));
  const std::vector<std::string> templates = golden_templates();
  const auto expected = nlohmann::json::parse(read_file(kGoldens / "engine.json"));
  ASSERT_EQ(templates.size(), expected.size());
  for (size_t i = 0; i < templates.size(); ++i) {
    if (expected[i].is_null()) {
      EXPECT_NE(error_of(templates[i], variables), "") << templates[i];
    } else {
      std::string text;
      EXPECT_NO_THROW(text = render(templates[i], variables)) << templates[i] << "\n" << error_of(templates[i], variables);
      EXPECT_EQ(text, expected[i].get<std::string>()) << templates[i];
    }
  }
}

TEST(JinjaTemplate, HostileTemplatesEndWithTheLimitThatTheyReach) {
  const Limits small{.steps = 200'000, .bytes = 4 << 20, .depth = 300};
  const auto error = [&](std::string_view source) { return error_of(source, {}, small); };
  const std::string nest = "{% set ns = namespace(x=[], s='ab') %}";
  EXPECT_THAT(error("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}"), HasSubstr("takes more than"));
  EXPECT_THAT(error(nest + "{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"), HasSubstr("makes more than 4 MiB"));
  EXPECT_THAT(error(nest + "{% for a in range(99) %}{% set ns.s = ns.s.replace('b', 'bbbb') %}{% endfor %}"), HasSubstr("too long"));
  EXPECT_THAT(error(nest + "{% for a in range(99) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}"), HasSubstr("takes more than"));
  EXPECT_THAT(error(nest + "{% for a in range(999) %}{% set ns.x = [ns.x] %}{% endfor %}"), HasSubstr("nest deeper than 100"));
  EXPECT_THAT(error("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}"), HasSubstr("nests deeper than 300"));
  EXPECT_THAT(error("{% macro m(n) %}{{ m(n + 1) ~ m(n + 1) }}{% endmacro %}{{ m(0) }}"), HasSubstr("nests deeper than"));
  EXPECT_THAT(error("{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}"), HasSubstr("nests deeper than"));
  EXPECT_THAT(error("{{ range(10 ** 9) }}"), HasSubstr("larger than 100000"));
  EXPECT_THAT(error("{{ 'ab' * 10 ** 12 }}"), HasSubstr("makes more than"));
  EXPECT_THAT(error("{{ [1] * 10 ** 12 }}"), HasSubstr("makes more than"));
  EXPECT_THAT(error("{{ ([1] * 100000) | join('x' * 1000000) }}"), HasSubstr("more than"));
  EXPECT_THAT(error("{{ 9 ** 99 }}"), HasSubstr("too large"));
  EXPECT_THAT(error("{{ 'x'.center(10 ** 9) }}"), HasSubstr("cannot be padded"));
  EXPECT_THAT(error("{{ '%99999999d' % 1 }}"), HasSubstr("wider than"));
  EXPECT_THAT(error("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}"), HasSubstr("nested more than"));
  EXPECT_THAT(error("{{ 1" + std::string(5000, '-') + "1 }}"), HasSubstr("nested more than"));
  std::string chain = "{{ 1", blocks;
  for (int i = 0; i < 5000; ++i) chain += " + 1", blocks += "{% if 1 %}";
  EXPECT_THAT(error(chain + " }}"), HasSubstr("operations in each other"));
  EXPECT_THAT(error(blocks), HasSubstr("nested more than"));
  EXPECT_THAT(error("{{ x" + std::string(100000, '.') + " }}"), HasSubstr("expected a name"));
  EXPECT_THAT(error(std::string(2 << 20, 'x')), HasSubstr("at most"));
  EXPECT_THAT(error("\xff"), HasSubstr("UTF-8"));
  EXPECT_THAT(error(nest + "{% set ns.self = ns %}{{ ns.self.self.nothing.at_all }}"), HasSubstr("'nothing'"));
}

TEST(JinjaTemplate, AFaultNamesLineAndConstruct) {
  EXPECT_EQ(error_of("a\n{% if x %}\n{{ y.z }}{% else %}\n{{ unknown.z }}{% endif %}"), "t, line 4: 'unknown' is undefined");
  EXPECT_EQ(error_of("\n\n{% include 'a' %}"), "t, line 3: the tag {% include %} is not supported");
  EXPECT_EQ(error_of("\n{{ x | xmlattr }}"), "t, line 2: the filter 'xmlattr' is not supported");
  EXPECT_EQ(error_of("{{ x | nothing }}"), "t, line 1: there is no filter named 'nothing'");
  EXPECT_EQ(error_of("{% for x in y %}\n\n"), "t, line 1: the tag {% endfor %} is missing for what begins here");
  EXPECT_EQ(error_of("{{ 'abc'.encode() }}"), "t, line 1: the method 'encode' of a str is not supported");
  EXPECT_EQ(error_of("\n{{ raise_exception('Roles must\nalternate') }}"),
            "t, line 2: the template refuses the messages: Roles must alternate");
}

TEST(JinjaTemplate, GenerationBlocksGiveTheirPlaces) {
  const Rendered rendered = Template("ab{% generation %}cde{% endgeneration %}f{% generation %}{% endgeneration %}", "t").render({});
  EXPECT_EQ(rendered.text, "abcdef");
  ASSERT_EQ(rendered.generated.size(), 2u);
  EXPECT_EQ(rendered.generated[0].begin, 2u);
  EXPECT_EQ(rendered.generated[0].end, 5u);
  EXPECT_EQ(rendered.generated[1].begin, rendered.generated[1].end);
}

TEST(JinjaTemplate, ValuesFromJsonAreRefusedWhereTheyAreAmbiguous) {
  const auto error = [](std::string_view json) -> std::string {
    try {
      parse_json_value(json, "x");
      return "";
    } catch (const Error& error) {
      return error.what();
    }
  };
  EXPECT_EQ(error(R"({"a": 1, "a": 2})"), "x has the key \"a\" twice in one object");
  EXPECT_EQ(error("[18446744073709551615]"), "x has a whole number of more than 64 bits");
  EXPECT_EQ(error("[1,\n2"), "x: not valid JSON at line 2, byte 5");
  EXPECT_THAT(error(std::string(99, '[')), HasSubstr("nests deeper than 64"));
}

}  // namespace
}  // namespace qkv::jinja
