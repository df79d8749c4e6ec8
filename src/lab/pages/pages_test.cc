#include "lab/pages/pages.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <regex>
#include <set>

#include "base/error.h"
#include "base/files.h"
#include "formats/json.h"
#include "lab/pages/markup.h"
#include "lab/pages/playground.h"
#include "lab/pages/report.h"
#include "lab/pages/search.h"
#include "lab/record/experiment.h"
#include "view/view_file.h"

namespace qkv::lab {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::filesystem::path kSource = QKV_SOURCE_DIR;

std::vector<std::string> matches(const std::string& text, const char* pattern) {
  std::vector<std::string> all;
  const std::regex expression(pattern);
  for (std::sregex_iterator i(text.begin(), text.end(), expression), end; i != end; ++i) all.push_back((*i)[1]);
  return all;
}

std::string prose_of(const PageText& text) {
  std::string prose;
  for (const auto& [name, body] : text.sections) prose += body;
  return prose;
}

PageRecords kept_records(const Page& page) {
  PageRecords records;
  for (const std::string& name : page.experiments) records.emplace(name, Records::read(kSource / "docs/lab", name));
  return records;
}

template <typename Map>
std::vector<std::string> keys_of(const Map& map) {
  std::vector<std::string> keys;
  for (const auto& [key, value] : map) keys.push_back(key);
  return keys;
}

TEST(Pages, AnswersCouldStandAlone) {
  for (const Page& page : pages()) {
    EXPECT_LE(reading_length(page_text(Language::en, page.name).section("answer"), Language::en), 60) << page.name;
    EXPECT_LE(reading_length(page_text(Language::zh, page.name).section("answer"), Language::zh), 120) << page.name;
  }
}

TEST(Pages, BothLanguagesHaveTheSamePartsNumbersAndLabels) {
  for (const Page& page : pages()) {
    SCOPED_TRACE(page.name);
    const PageText &en = page_text(Language::en, page.name), &zh = page_text(Language::zh, page.name);
    EXPECT_EQ(keys_of(en.sections), keys_of(zh.sections));
    EXPECT_EQ(keys_of(en.labels), keys_of(zh.labels));
    for (const char* pattern : {"\\{\\{(.*?)\\}\\}", "\\[\\[(.*?)\\]\\]", "- `([^`]*)`"}) {
      std::vector<std::string> of_en = matches(prose_of(en), pattern), of_zh = matches(prose_of(zh), pattern);
      std::sort(of_en.begin(), of_en.end());
      std::sort(of_zh.begin(), of_zh.end());
      EXPECT_EQ(of_en, of_zh) << pattern;
    }
  }
}

TEST(Pages, EveryTextBelongsToAPage) {
  std::set<std::string> names{"common", "terms", "playground"};
  for (const Page& page : pages()) names.insert(page.name);
  for (const EmbeddedText& text : embedded_texts()) EXPECT_TRUE(names.count(text.name)) << text.name;
}

TEST(Pages, HaveTheirPartsWhole) {
  for (const Page& page : pages()) {
    const PageText& text = page_text(Language::en, page.name);
    for (const char* section : kSections) {
      const bool of_record = section == std::string("figure") || section == std::string("settings");
      EXPECT_EQ(text.section(section).empty(), of_record && page.experiments.empty()) << page.name << ": " << section;
    }
    EXPECT_EQ(page.chart.has_value(), !page.experiments.empty()) << page.name;
  }
}

TEST(Pages, OfTheKeptRecordAreMadeInBothLanguages) {
  for (const Page& page : pages()) {
    const PageRecords records = kept_records(page);
    for (const Language language : kLanguages) {
      SCOPED_TRACE(page.name);
      const std::string html = page_html(page, records, language);
      EXPECT_THAT(html, Not(HasSubstr("{{")));
      EXPECT_THAT(html, Not(HasSubstr("\\begin")));
      EXPECT_THAT(html, Not(HasSubstr("[[")));
      EXPECT_THAT(html, Not(HasSubstr(common_words(language, "no record"))));
      for (const char* verdict : {"refuted", "Refuted", "supported", "驳倒"}) EXPECT_THAT(html, Not(HasSubstr(verdict)));
      EXPECT_EQ(page_html(page, records, language), html);
    }
  }
}

TEST(Pages, WithoutRecordsSayHowToMakeThem) {
  for (const Page& page : pages()) {
    const std::string html = page_html(page, {}, Language::en);
    EXPECT_EQ(html.find("<code>qkv lab run</code>") == std::string::npos, page.experiments.empty()) << page.name;
  }
}

TEST(Pages, SearchedTextsHaveNoTagsFormulasOrDrawings) {
  EXPECT_EQ(plain_text("<p>a &lt; b &amp; <b>c</b></p>\n<math><mi>x</mi></math><svg><text>y</text></svg> d"), "a < b & c d");
  EXPECT_EQ(plain_text("a<"), "a");
}

TEST(Pages, ThePlaygroundHasTheSameWordsInBothLanguages) {
  const PageText &en = page_text(Language::en, "playground"), &zh = page_text(Language::zh, "playground");
  EXPECT_EQ(keys_of(en.sections), keys_of(zh.sections));
  EXPECT_EQ(keys_of(en.labels), keys_of(zh.labels));
  const auto keys = [](const char* file) {
    std::vector<std::string> all;
    const auto json = nlohmann::json::parse(view_file(file));
    for (const auto& [key, words] : json.items()) all.push_back(key);
    return all;
  };
  EXPECT_EQ(keys("words.en.json"), keys("words.zh.json"));
  for (const Language language : kLanguages) {
    const PlaygroundPage page = playground_page(language);
    for (const std::string& part : {page.body, page.style, page.script}) {
      for (const char* loads : {"<link", " src=", "@import", "url(", "fetch(", "XMLHttpRequest"}) EXPECT_THAT(part, Not(HasSubstr(loads)));
    }
    EXPECT_LT(page.body.size() + page.style.size() + page.script.size(), 3'000'000u);
    EXPECT_EQ(page.body, playground_page(language).body);
  }
}

TEST(Pages, LinkToPagesThatExist) {
  for (const Page& page : pages()) {
    for (const std::string& target : matches(prose_of(page_text(Language::en, page.name)), "\\]\\(([a-z_]+)\\.html\\)")) {
      EXPECT_TRUE(std::any_of(pages().begin(), pages().end(), [&](const Page& each) { return each.name == target; })) << target;
    }
  }
}

TEST(Pages, NameCodeThatExists) {
  const std::regex line("- `([^`]+)` `([^`]+)`(: |：).+");
  for (const Page& page : pages()) {
    for (const Language language : kLanguages) {
      for (const std::string& each : split_at(trimmed(page_text(language, page.name).section("code")), "\n")) {
        std::smatch parts;
        ASSERT_TRUE(std::regex_match(each, parts, line)) << page.name << ": " << each;
        ASSERT_TRUE(std::filesystem::exists(kSource / parts[1].str())) << page.name << ": " << each;
        EXPECT_THAT(read_file(kSource / parts[1].str()), HasSubstr(parts[2].str())) << page.name;
      }
    }
  }
}

TEST(Pages, CalculationsByHandEqualTheirFloat64Reference) {
  const auto goldens = nlohmann::json::parse(read_file(kSource / "tests/goldens/lab_by_hand/lab_by_hand.json"));
  for (const Page& page : pages()) {
    if (!page.by_hand) continue;
    const Numbers numbers = page.by_hand();
    const nlohmann::json& expected = goldens.at(page.name);
    EXPECT_EQ(numbers.size(), expected.size()) << page.name;
    for (const auto& [name, matrix] : numbers) {
      SCOPED_TRACE(page.name + ": " + name);
      const auto rows = expected.at(name).get<std::vector<std::vector<double>>>();
      ASSERT_EQ(matrix.rows, std::ssize(rows));
      ASSERT_EQ(matrix.cols, std::ssize(rows[0]));
      for (int64_t r = 0; r < matrix.rows; ++r) {
        for (int64_t c = 0; c < matrix.cols; ++c) {
          const double value = rows[static_cast<size_t>(r)][static_cast<size_t>(c)];
          if (value < -1e299) {
            EXPECT_EQ(matrix.at(r, c), -INFINITY);
          } else {
            EXPECT_NEAR(matrix.at(r, c), value, 2e-6 * std::max(1.0, std::abs(value)));
          }
        }
      }
    }
  }
}

TEST(Pages, ShowEveryNumberThatTheyCompute) {
  for (const Page& page : pages()) {
    if (!page.by_hand) continue;
    const std::string prose = prose_of(page_text(Language::en, page.name));
    for (const auto& [name, matrix] : page.by_hand()) EXPECT_THAT(prose, HasSubstr("{{hand:" + name + ":")) << page.name;
  }
}

TEST(Pages, UnknownPlaceholdersAreNamed) {
  for (const char* wrong : {"hand:nothing:1", "mean:none:a:b:1", "median:scaling:one:x:1", "hand:x"}) {
    try {
      number_of(wrong, {}, {});
      FAIL() << wrong;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr(wrong));
    }
  }
}

TEST(Pages, PlaceholdersGiveMeansDifferencesAndShares) {
  std::vector<Record> all;
  for (int seed = 1; seed <= 3; ++seed) {
    for (const auto& [arm, value] : {std::pair{"a", 1.0 * seed}, std::pair{"b", 0.5 * seed}}) {
      Record record{.experiment = "e", .arm = arm, .seed = seed};
      record.outcome.values["v"] = value;
      record.outcome.series["s"] = {{1, value}, {2, 10 * value}};
      all.push_back(record);
    }
  }
  const PageRecords records{{"e", Records(all)}};
  const auto text = [&](const char* placeholder) { return number_of(placeholder, records, {}); };
  EXPECT_EQ(text("mean:e:a:v:1"), "2.0");
  EXPECT_EQ(text("percent:e:b:v:0"), "100");
  EXPECT_EQ(text("range:e:a:v:0"), "[1, 3]");
  EXPECT_EQ(text("above:e:a:v:1.5"), "2/3");
  EXPECT_EQ(text("seeds:e"), "3");
  EXPECT_EQ(text("difference:e:b:a:v:2"), "−1.00");
  EXPECT_EQ(text("interval:e:a:b:v:2"), "[−0.24, 2.24]");  // 1 ± 4.303 * 0.5 / sqrt(3)
  EXPECT_EQ(text("ratio:e:a:b:v:1"), "2.0");
  EXPECT_EQ(text("at:e:a:s:2:0"), "20");
}

TEST(Pages, RivalsHaveTheTransformersSizeAndTheBestRateThatWasTried) {
  for (const char* name : {"context", "distance"}) {
    const std::string value = name == std::string("context") ? "loss" : "recall loss";
    const Records records = Records::read(kSource / "docs/lab", name),
                  tried = Records::read(kSource / "docs/lab", name + std::string("_rates"));
    for (const std::string& arm : find_experiment(name).arms) {
      SCOPED_TRACE(name + (" " + arm));
      const size_t size = arm.find('-');
      const Record *record = records.find(arm, 1),
                   *transformer = records.find("transformer" + (size == std::string::npos ? "" : arm.substr(size)), 1);
      ASSERT_TRUE(record && transformer);
      EXPECT_NEAR(record->outcome.values.at("parameters") / transformer->outcome.values.at("parameters"), 1, 0.01);
      const auto rate = record->outcome.values.at("rate");
      double best = INFINITY, chosen = INFINITY;
      for (const Record& each : tried.all()) {
        if (!each.arm.starts_with(arm + "@")) continue;
        const double loss = each.outcome.values.at(value);
        best = std::min(best, loss);
        if (each.outcome.values.at("rate") == rate) chosen = loss;
      }
      EXPECT_EQ(chosen, best);
    }
  }
}

TEST(Pages, ChineseHasAWordForEachColumnOfATable) {
  for (const Experiment& experiment : experiments()) {
    for (const Column& column : experiment.columns) {
      if (column.header == "BLEU") continue;
      EXPECT_NE(term(Language::zh, column.header), column.header) << experiment.name;
    }
    for (const Claim& claim : experiment.claims) {
      if (claim.value == "BLEU") continue;
      EXPECT_NE(term(Language::zh, claim.value), claim.value) << experiment.name;
    }
  }
}

}  // namespace
}  // namespace qkv::lab
