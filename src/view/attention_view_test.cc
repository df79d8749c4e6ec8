#include "view/attention_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <sstream>

#include "base/option_error.h"
#include "base/utf8.h"
#include "decode/test_models.h"
#include "formats/json.h"
#include "nn/uniform_config.h"
#include "view/token_labels.h"

namespace qkv {
namespace {

using testing::HasSubstr;
using testing::Not;

class AttentionViewTest : public testing::Test {
 protected:
  AttentionView view(std::string_view source, std::optional<std::string> target, AttentionKind kind, int layer = 1, int head = 2) const {
    return view_attention(model->network, tokenizer, source, target, kind, layer, head, resolve_options({}, *model));
  }

  const Tokenizer tokenizer = make_test_tokenizer();
  const std::unique_ptr<Model> model = create_model(make_test_config(tokenizer), 3);
};

std::string joined(const std::vector<std::string>& labels) {
  std::string text;
  for (const std::string& label : labels) text += label;
  return text;
}

TEST_F(AttentionViewTest, AxesNameTheTokensOfEachKind) {
  const std::string source = "ein Haus", target = "a house";
  const AttentionView encoder = view(source, target, AttentionKind::encoder);
  EXPECT_EQ(joined(encoder.keys), "ein␣Haus</s>");
  EXPECT_EQ(encoder.queries, encoder.keys);
  const AttentionView cross = view(source, target, AttentionKind::cross);
  EXPECT_EQ(joined(cross.keys), "ein␣Haus</s>");
  EXPECT_EQ(joined(cross.queries), "a␣house</s>");
  const AttentionView decoder = view(source, target, AttentionKind::decoder);
  EXPECT_EQ(joined(decoder.keys), "<start>a␣house");
  EXPECT_EQ(decoder.queries, decoder.keys);
  for (const AttentionView* each : {&encoder, &cross, &decoder}) {
    EXPECT_EQ(each->trace.weights.rows, static_cast<int64_t>(each->queries.size()));
    EXPECT_EQ(each->trace.weights.cols, static_cast<int64_t>(each->keys.size()));
  }
}

TEST_F(AttentionViewTest, WithoutATargetTheModelTranslates) {
  const AttentionView found = view("ein Haus", std::nullopt, AttentionKind::cross);
  const std::vector<std::string> texts{"ein Haus"};
  EXPECT_EQ(found.target, translate(model->network, tokenizer, texts, resolve_options({}, *model))[0].candidates[0].text);
}

TEST_F(AttentionViewTest, ADecoderAloneShowsTheTextAlone) {
  UniformConfig config = make_test_config(tokenizer);
  config.kind = Kind::decoder_only;
  config.encoder_layers = 0;
  const auto decoder = create_model(config, 3);
  const auto view_of = [&](std::string_view text, TranslateOptions options = {}, std::optional<std::string> target = std::nullopt) {
    return view_attention(decoder->network, tokenizer, text, target, AttentionKind::decoder, 1, 2, options);
  };
  const AttentionView found = view_of("ein Haus");
  EXPECT_EQ(joined(found.keys), "ein␣Haus") << "neither an end token nor a continuation";
  EXPECT_EQ(found.queries, found.keys);
  EXPECT_FALSE(found.has_target);
  EXPECT_EQ(found.trace.weights.rows, std::ssize(found.keys));
  EXPECT_EQ(found.trace.weights.cols, std::ssize(found.keys));
  EXPECT_THAT(attention_text(found, 40), HasSubstr("layer 1, head 2\nrows: token (query);\ncolumns: token (key)\n"));
  EXPECT_THAT(attention_text(found, 40), HasSubstr("\nweight: · below 5 %, ░ from 5 %,\n▒ from 20 %, ▓ from 40 %, █ from 70 %\n"));
  EXPECT_THAT(attention_text(found, 80), HasSubstr("Decoder self-attention, layer 1, head 2\nrows: token (query); columns: token (key)\n"));
  EXPECT_THAT(attention_svg(found), Not(HasSubstr("→ </text>")));
  EXPECT_FALSE(nlohmann::json::parse(attention_json(found, false)).contains("target"));
  EXPECT_THROW(view_of("ein", {}, "a"), OptionError) << "it reads no target";
  std::string long_text;
  for (int i = 0; i < 60; ++i) long_text += "am ";
  EXPECT_THROW(view_of(long_text), OptionError);
  EXPECT_EQ(std::ssize(view_of(long_text, {.truncate = true}).keys), config.max_position_embeddings);
}

TEST_F(AttentionViewTest, TruncatedTextsKeepTheirEnd) {
  TranslateOptions options = resolve_options({}, *model);
  options.truncate = true;
  const std::string text(100, 'a');
  const AttentionView found = view_attention(model->network, tokenizer, text, "a", AttentionKind::cross, 0, 0, options);
  EXPECT_EQ(std::ssize(found.keys), model->config.max_position_embeddings);
  EXPECT_EQ(found.keys.back(), "</s>");
}

// The name of the rows, upright at x = 24, must end below the lines above the map and inside the picture.
TEST_F(AttentionViewTest, NameOfTheRowsFitsBesideASingleRow) {
  AttentionView found;
  found.trace.kind = AttentionKind::cross;
  found.keys = found.queries = {"a"};
  found.trace.scores = found.trace.weights = {1, 1, {1}};
  const std::string svg = attention_svg(found);
  const double middle = std::stod(svg.substr(svg.find("rotate(-90 24 ") + 14)), half = 28 * 12 * 0.6 / 2;  // 28 characters
  EXPECT_GT(middle - half, 69 + 4);
  EXPECT_LT(middle + half, std::stod(svg.substr(svg.find("height=\"") + 8)));
}

// W is 0.989 em wide in DejaVu Sans; column labels are 13 pixels high and drawn at 45 degrees.
TEST_F(AttentionViewTest, LabelsOfThePictureDoNotCollide) {
  AttentionView found;
  found.trace.kind = AttentionKind::cross;
  found.keys = std::vector<std::string>(80, "日本語");
  found.queries = {std::string(20, 'W'), "b"};
  found.trace.scores = found.trace.weights = {2, 80, std::vector<double>(160, 0.01)};
  const std::string svg = attention_svg(found);
  const auto number_behind = [&](const std::string& text, size_t from = 0) {
    return std::stod(svg.substr(svg.find(text, from) + text.size()));
  };
  const size_t row_label = svg.rfind("<text x=\"", svg.find("text-anchor=\"end\""));
  EXPECT_GT(number_behind("<text x=\"", row_label), 24 + 12 + 20 * 0.989 * 13) << "behind the name of the axis";
  const size_t first = svg.find("rotate(-45 ");
  EXPECT_GT((number_behind("rotate(-45 ", first + 1) - number_behind("rotate(-45 ", first)) * std::sqrt(0.5), 13);
}

TEST_F(AttentionViewTest, TooLongTextNamesItsOption) {
  const std::string text(100, 'a');
  EXPECT_THROW(view(text, std::nullopt, AttentionKind::encoder), Error);
  EXPECT_THROW(view("ein", text, AttentionKind::cross), Error);
}

TEST_F(AttentionViewTest, JsonHoldsTheWeightsAndNullWhereTheMaskHides) {
  const AttentionView cross = view("ein Haus", "a house", AttentionKind::cross);
  const nlohmann::json plain = nlohmann::json::parse(attention_json(cross, false));
  EXPECT_EQ(plain["kind"], "cross");
  EXPECT_EQ(plain["layer"], 1);
  EXPECT_EQ(plain["head"], 2);
  EXPECT_FALSE(plain.contains("q"));
  ASSERT_EQ(plain["weights"].size(), cross.queries.size());
  for (const auto& row : plain["weights"]) {
    double sum = 0;
    for (const auto& weight : row) sum += weight.get<double>();
    EXPECT_NEAR(sum, 1, 1e-5);
  }
  const nlohmann::json decoder = nlohmann::json::parse(attention_json(view("ein", "a house", AttentionKind::decoder), true));
  EXPECT_TRUE(decoder["scores"][0][1].is_null());
  EXPECT_TRUE(decoder["scores"][1][1].is_number());
  EXPECT_EQ(decoder["q"][0].size(), 8u);  // head_dim
}

TEST_F(AttentionViewTest, SvgEscapesWhatTheTokensHold) {
  AttentionView found = view("ein Haus", "a house", AttentionKind::cross);
  found.source = "<b>&\"\x01";
  found.keys[0] = "<script>";
  const std::string svg = attention_svg(found);
  EXPECT_THAT(svg, HasSubstr("&lt;b&gt;&amp;&quot;&lt;U+0001&gt;</text>"));
  EXPECT_THAT(svg, HasSubstr("&lt;script&gt;"));
  EXPECT_THAT(svg, Not(HasSubstr("<script>")));
  EXPECT_THAT(svg, HasSubstr("Cross-attention, layer 1, head 2"));
}

TEST_F(AttentionViewTest, HeadingOfThePictureShowsLineEndsAndWhatTurnsTheText) {
  AttentionView found;
  found.trace.kind = AttentionKind::cross;
  found.source = "ein\nHaus \u202E!";
  found.target = "a\thouse";
  EXPECT_THAT(attention_svg(found), AllOf(HasSubstr(">ein\\nHaus &lt;U+202E&gt;!</text>"), HasSubstr(">→ a\\thouse</text>")));
}

// Column labels at 45 degrees must be further apart than the line height of a font with wide characters.
TEST_F(AttentionViewTest, LabelsOfManyColumnsDoNotTouch) {
  AttentionView found;
  found.trace.kind = AttentionKind::cross;
  found.keys.assign(60, "日本語");
  found.trace.scores = found.trace.weights = {0, 60, {}};
  const std::string svg = attention_svg(found);
  std::vector<int> places;
  for (size_t at = 0; (at = svg.find("rotate(-45 ", at)) != std::string::npos; ++at) places.push_back(std::stoi(svg.substr(at + 11)));
  ASSERT_EQ(places.size(), 60u);
  for (size_t i = 1; i < places.size(); ++i) EXPECT_GE((places[i] - places[i - 1]) / std::sqrt(2.0), 15);
}

// Every line of the text map fits the width for sources of any length and characters of any width.
TEST_F(AttentionViewTest, TextFitsTheTerminal) {
  for (const char* source : {"ein Haus", "日本語 の 家", "a house by the sea am See am"}) {
    for (const int width : {40, 80, 133}) {
      std::istringstream lines(attention_text(view(source, "日本語 の 家 am Meer", AttentionKind::cross), width));
      for (std::string line; std::getline(lines, line);) {
        EXPECT_LE(display_width(line), width) << line;
      }
    }
  }
}

TEST_F(AttentionViewTest, TextShadesByWeightAndKeepsRowsAligned) {
  AttentionView found;
  found.trace.kind = AttentionKind::cross;
  found.keys = {"eins", "日本"};
  found.queries = {"one", "語"};
  found.trace.scores = {2, 2, {0, 0, 0, 0}};
  found.trace.weights = {2, 2, {0.9, 0.1, 0.02, 0.5}};
  EXPECT_EQ(attention_text(found, 40),
            "Cross-attention, layer 0, head 0\nrows: target token written (query);\ncolumns: source token (key)\n\n"
            "    eins 日本 \n"
            "one ████ ░░░░   eins 90 %\n"
            " 語 ···· ▓▓▓▓   日本 50 %\n"
            "\nweight: · below 5 %, ░ from 5 %,\n▒ from 20 %, ▓ from 40 %, █ from 70 %\n");
}

TEST(TokenLabels, WhatCannotBeSeenHasASign) {
  const Tokenizer bytes = train_tokenizer({.pipeline = TokenizerPipeline::bytes}, std::vector<std::string>{"a"});
  EXPECT_EQ(joined(token_labels(bytes, bytes.encode("a b\n\t\x01\x7F\u0085é"))),
            "a␣b\\n\\t<U+0001><U+007F><U+0085>(1/2)<U+0085>(2/2)é(1/2)é(2/2)");
  for (const auto& [text, label] : {std::pair{"\r", "\\r"},
                                    {"\u00A0", "<U+00A0>(2/2)"},
                                    {"\u3000", "<U+3000>(3/3)"},
                                    {"\u200B", "<U+200B>(3/3)"},
                                    {"\u202E", "<U+202E>(3/3)"},
                                    {"\uFE0F", "<U+FE0F>(3/3)"},
                                    {"\u0301", "◌\u0301(2/2)"}}) {
    EXPECT_EQ(token_labels(bytes, bytes.encode(text)).back(), label);
  }
  EXPECT_EQ(on_one_visible_line("a b\r\u200B\u0301\uFE0F"), "a b\\r<U+200B>\u0301\uFE0F") << "marks stand on what precedes them";
  // The Metaspace decoder drops a leading space.
  const Tokenizer words = make_test_tokenizer();
  std::vector<int32_t> ids{words.token_to_id("▁")};
  ASSERT_GE(ids[0], 0);
  EXPECT_EQ(token_labels(words, ids)[0], "␣");
}

TEST(TokenLabels, PartsOfACharacterShowItAndTheirNumber) {
  using Labels = std::vector<std::string>;
  const std::vector<std::string> lines(3, "字 家");
  const Tokenizer bytes = train_tokenizer({.pipeline = TokenizerPipeline::bytes}, lines);
  EXPECT_EQ(token_labels(bytes, bytes.encode("字\uFFFD!")),
            (Labels{"字(1/3)", "字(2/3)", "字(3/3)", "\uFFFD(1/3)", "\uFFFD(2/3)", "\uFFFD(3/3)", "!"}));
  EXPECT_EQ(token_labels(bytes, std::vector{bytes.encode("a")[0], bytes.encode("字")[0]}), (Labels{"a", "<0xE5>"}))
      << "the rest is missing";
  // Byte pairs may end one character and begin the next.
  const Tokenizer pairs = train_tokenizer({.pipeline = TokenizerPipeline::byte_pairs, .vocab_size = 259, .min_frequency = 1}, lines);
  for (const std::string& label : token_labels(pairs, pairs.encode("a 字 家")))
    EXPECT_THAT(label, testing::AnyOf("a", "␣", HasSubstr("字"), HasSubstr("家")));
  // Byte fallback: a decoder that sees a part of a character replaces whole runs of bytes.
  const std::vector<std::string> plain(5, "a house by the sea");
  const Tokenizer fallback = train_tokenizer(
      {.pipeline = TokenizerPipeline::unigram, .vocab_size = 300, .vocab_size_is_upper_bound = true, .byte_fallback = true}, plain);
  const Labels labels = token_labels(fallback, fallback.encode("sea 字家 a"));
  EXPECT_THAT(joined(labels), HasSubstr("字(1/3)字(2/3)字(3/3)家(1/3)家(2/3)家(3/3)␣a"));
}

TEST(TokenLabels, NotesExplainTheSignsThatOccur) {
  EXPECT_EQ(label_notes(std::vector<std::string>{"a", "b"}), "");
  EXPECT_EQ(label_notes(std::vector<std::string>{"␣a", "\\n", "字(1/3)"}),
            "␣ space, \\n line end, (1/2) the first of 2 tokens of a character");
}

TEST(TokenLabels, WidthsOfWideAndCombiningCharacters) {
  EXPECT_EQ(display_width("abc"), 3);
  EXPECT_EQ(display_width("日本"), 4);
  EXPECT_EQ(display_width("e\u0301"), 1);
  EXPECT_EQ(display_width("█░"), 2);
  EXPECT_EQ(fit_to_width("日本語", 6), "日本語");
  EXPECT_EQ(fit_to_width("日本語", 5), "日本…");
  EXPECT_EQ(fit_to_width("日本語", 4), "日…");
  EXPECT_EQ(fit_to_width("abc", 0), "");
}

}  // namespace
}  // namespace qkv
