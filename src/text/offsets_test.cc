#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/utf8.h"
#include "qkv/tokenizer.h"
#include "qkv/tokenizer_trainer.h"
#include "text/files/test_files.h"
#include "text/files/tokenizer_parts.h"

namespace qkv {
namespace {

using nlohmann::json;

// Lines of an encoding as tools/golden/tokenizer.py writes them.
std::string lines_of(const Encoding& encoding) {
  std::string lines;
  for (size_t i = 0; i < encoding.ids.size(); ++i) {
    lines += fmt::format("{} {} {} {} {} {}\n", encoding.ids[i], encoding.offsets[i].begin, encoding.offsets[i].end, encoding.type_ids[i],
                         encoding.special_tokens_mask[i], encoding.sequences[i]);
  }
  return lines;
}

// All that is known of a text.
std::string everything_of(const Tokenizer& tokenizer, const std::string& text) {
  const Encoding encoding = tokenizer.encode_with_offsets(text);
  EXPECT_EQ(encoding.ids, tokenizer.encode(text)) << text;
  return lines_of(encoding) + tokenizer.decode(encoding.ids) + "\n" + tokenizer.decode(encoding.ids, false) + "\n";
}

Tokenizer tokenizer_of(const json& document, const std::string& name) { return TokenizerAccess::from_json(document.dump(), "", name); }

// The generator of the golden's random strings (Steele et al. 2014).
class SplitMix {
 public:
  explicit SplitMix(uint64_t seed) : state_(seed) {}
  uint64_t below(uint64_t limit) {
    uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return (z ^ z >> 31) % limit;
  }

 private:
  uint64_t state_;
};

// Strings of characters assigned in Unicode 8.
std::vector<std::string> random_strings(size_t count) {
  const json stress = golden("stress.json");
  const std::vector<std::array<char32_t, 2>> assigned = stress["assigned"];
  SplitMix generator(8);
  std::vector<std::string> strings(count);
  for (std::string& text : strings) {
    for (uint64_t length = 1 + generator.below(16); length > 0; --length) {
      const uint64_t kind = generator.below(8);
      if (kind == 0) {
        text.push_back(' ');
      } else if (kind < 3) {
        text.push_back(static_cast<char>(0x20 + generator.below(0x5F)));
      } else {
        const auto [first, last] = assigned[generator.below(assigned.size())];
        append_utf8(text, first + static_cast<char32_t>(generator.below(last - first + 1)));
      }
    }
  }
  return strings;
}

void expect_goldens(const Tokenizer& tokenizer, const json& expected) {
  std::vector<std::string> texts = golden("texts.json");
  const json stress = golden("stress.json");
  for (const json& text : stress["texts"]) texts.push_back(text);
  const std::vector<std::string> hashes = expected["encodings"];
  ASSERT_EQ(texts.size(), hashes.size());
  for (size_t i = 0; i < texts.size(); ++i) {
    const std::string everything = everything_of(tokenizer, texts[i]);
    EXPECT_EQ(hash_of(everything), hashes[i]) << i << ": " << json(texts[i]).dump(-1, ' ', true) << "\n" << everything;
  }
  static const std::vector<std::string> strings = random_strings(10'000);
  const std::vector<std::string> random = expected["random"];
  ASSERT_EQ(random.size() * 100, strings.size());
  for (size_t block = 0; block < random.size(); ++block) {
    std::string everything;
    for (size_t i = block * 100; i < (block + 1) * 100; ++i) everything += everything_of(tokenizer, strings[i]);
    EXPECT_EQ(hash_of(everything), random[block]) << "random strings from " << block * 100 << " on";
  }
}

std::vector<std::string> pipeline_names() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(golden_path("pipelines"))) {
    const std::string name = entry.path().stem().string();
    if (golden("pipelines/" + name + ".json").contains("encodings")) names.push_back(name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

class Offsets : public testing::TestWithParam<std::string> {};

TEST_P(Offsets, AreThoseOfTokenizersOnStressAndRandomTexts) {
  const json expected = golden("pipelines/" + GetParam() + ".json");
  expect_goldens(tokenizer_of(expected["tokenizer"], GetParam()), expected);
}

INSTANTIATE_TEST_SUITE_P(All, Offsets, testing::ValuesIn(pipeline_names()), [](const auto& info) { return info.param; });

std::string base64(std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const auto byte = [&](size_t k) { return i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0u; };
    const uint32_t bits = byte(0) << 16 | byte(1) << 8 | byte(2);
    for (size_t k = 0; k < 4; ++k) text.push_back(i + k > bytes.size() ? '=' : kDigits[bits >> (18 - 6 * k) & 63]);
  }
  return text;
}

TEST(Offsets, OfAWholeCharacterMapOfSentencePieceAreThoseOfTokenizers) {
  const std::filesystem::path model = test_data("spm") / "test_model.model";
  if (!std::filesystem::exists(model)) GTEST_SKIP() << model << " is not there: set QKV_DATA";
  const json expected = golden("spm_nfkc.json");
  json document = expected["tokenizer"];
  document["normalizer"]["precompiled_charsmap"] = base64(read_file(model).substr(expected["begin"], expected["size"]));
  expect_goldens(tokenizer_of(document, "spm_nfkc"), expected);
}

std::optional<Truncation> truncation_of(const json& value) {
  if (value.is_null()) return std::nullopt;
  Truncation truncation{.max_length = value["max_length"], .stride = value["stride"], .overflowing = true};
  if (value["strategy"] == "only_first") truncation.strategy = Truncation::Strategy::only_first;
  if (value["strategy"] == "only_second") truncation.strategy = Truncation::Strategy::only_second;
  if (value["direction"] == "left") truncation.direction = Truncation::Direction::left;
  return truncation;
}

class Pairs : public testing::TestWithParam<std::string> {};

TEST_P(Pairs, AreJoinedAndTruncatedAsTokenizersDoesIt) {
  const json pipelines = golden("pairs.json")["pipelines"], cases = pipelines[GetParam()];
  const std::vector<std::string> texts = golden("texts.json");
  const Tokenizer tokenizer = tokenizer_of(golden("pipelines/" + GetParam() + ".json")["tokenizer"], GetParam());
  int refused = 0;
  for (const json& each : cases) {
    const EncodeOptions options{.add_special_tokens = each["add_special_tokens"], .truncation = truncation_of(each["truncation"])};
    std::string lines;
    const std::string& first = texts[each["first"]];
    const auto encode = [&] {
      const Encoding encoding = each["second"].is_null() ? tokenizer.encode_with_offsets(first, options)
                                                         : tokenizer.encode_pair(first, texts[each["second"]], options);
      lines = lines_of(encoding);
      for (const Encoding& part : encoding.overflowing) lines += "--\n" + lines_of(part);
    };
    if (each["hash"].is_null()) {
      ErrorCode code{};
      EXPECT_NE(error_of(encode, &code), "(no error)") << each;
      EXPECT_EQ(code, ErrorCode::invalid_argument);
      ++refused;
    } else {
      encode();
      EXPECT_EQ(hash_of(lines), each["hash"]) << each << "\n" << lines;
    }
  }
  EXPECT_LT(refused, 30);
}

INSTANTIATE_TEST_SUITE_P(All, Pairs,
                         testing::Values("qkv", "roberta", "gpt2", "words", "bert_uncased", "bert_cased", "llama3", "xlm_roberta",
                                         "scripts"),
                         [](const auto& info) { return std::string(info.param); });

TEST(Truncation, WhatIsTakenAwayIsOnlyThereWhereItIsAskedFor) {
  const Tokenizer tokenizer = tokenizer_of(golden("pipelines/bert_uncased.json")["tokenizer"], "bert_uncased");
  EncodeOptions options{.truncation = Truncation{.max_length = 5, .stride = 1}};
  const Encoding first = tokenizer.encode_with_offsets("man woman children playing water", options);
  EXPECT_EQ(first.ids.size(), 5u);
  EXPECT_TRUE(first.overflowing.empty());
  options.truncation->overflowing = true;
  const Encoding all = tokenizer.encode_with_offsets("man woman children playing water", options);
  EXPECT_EQ(all.ids, first.ids);
  EXPECT_FALSE(all.overflowing.empty());
}

TEST(PairsOfTexts, NeedATemplateOrNoPostProcessor) {
  json document = golden("pipelines/scripts.json")["tokenizer"];
  const Encoding joined = tokenizer_of(document, "t").encode_pair("man", "man");
  const Encoding single = tokenizer_of(document, "t").encode_with_offsets("man");
  EXPECT_EQ(joined.ids.size(), 2 * single.ids.size());
  EXPECT_EQ(joined.sequences.back(), 1);
  document["post_processor"] =
      json::parse(R"({"type": "TemplateProcessing", "single": [{"Sequence": {"id": "A", "type_id": 0}}], "pair": [],
                                              "special_tokens": {}})");
  ErrorCode code{};
  EXPECT_EQ(error_of([&] { tokenizer_of(document, "t").encode_pair("man", "man"); }, &code),
            "the tokenizer's post-processor has no template for a pair of texts");
  EXPECT_EQ(code, ErrorCode::unsupported);
}

TEST(Offsets, OfInvalidUtf8AreThoseOfTheBytesAsTheyCame) {
  const Tokenizer tokenizer = tokenizer_of(golden("pipelines/gpt2.json")["tokenizer"], "gpt2");
  const std::string text =
      "a\xFF"
      "b\xE4\xB8"
      "c\xF0\x9F\x98";
  const Encoding encoding = tokenizer.encode_with_offsets(text);
  ASSERT_EQ(encoding.ids, tokenizer.encode(text));
  std::vector<ByteRange> places = encoding.offsets;
  places.erase(std::unique(places.begin(), places.end()), places.end());  // a character of several tokens
  EXPECT_EQ(places, (std::vector<ByteRange>{{0, 1}, {1, 2}, {2, 3}, {3, 5}, {5, 6}, {6, 9}}));
}

TEST(Tokenizer, TruncationOfTheFileIsReadAndNotApplied) {
  json document = golden("pipelines/qkv.json")["tokenizer"];
  EXPECT_FALSE(tokenizer_of(document, "t").truncation());
  document["truncation"] = {{"direction", "Left"}, {"max_length", 4}, {"strategy", "OnlySecond"}, {"stride", 2}};
  const Tokenizer tokenizer = tokenizer_of(document, "t");
  ASSERT_TRUE(tokenizer.truncation());
  EXPECT_EQ(tokenizer.truncation()->max_length, 4u);
  EXPECT_EQ(tokenizer.truncation()->stride, 2u);
  EXPECT_EQ(tokenizer.truncation()->strategy, Truncation::Strategy::only_second);
  EXPECT_EQ(tokenizer.truncation()->direction, Truncation::Direction::left);
  EXPECT_GT(tokenizer.encode_with_offsets("man woman children playing water street").ids.size(), 4u);
  for (const auto& [key, value] :
       {std::pair<const char*, json>{"strategy", "Sometimes"}, {"direction", "Up"}, {"max_length", -1}, {"stride", "2"}}) {
    json bad = document;
    bad["truncation"][key] = value;
    EXPECT_TRUE(error_of([&] { tokenizer_of(bad, "t"); }).starts_with(std::string("t: truncation.") + key)) << key;
  }
}

TEST(WordRanges, AreWhatThePreTokenizerMakesAndAddedTokens) {
  const std::vector<std::string> lines{"john's boat is old"};
  const Tokenizer tokenizer =
      train_tokenizer({.pipeline = TokenizerPipeline::word_pieces, .vocab_size = 60, .vocab_size_is_upper_bound = true}, lines);
  EXPECT_TRUE(TokenizerAccess::marks_continuations(tokenizer));
  EXPECT_FALSE(TokenizerAccess::marks_continuations(train_tokenizer({.pipeline = TokenizerPipeline::bytes}, lines)));
  const std::string text = "John's \xff boat 漢字 [SEP]x";
  const auto words = [&](const EncodeOptions& options) {
    std::vector<std::string> found;
    for (const auto& [begin, end] : TokenizerAccess::word_ranges(tokenizer, text, options))
      found.push_back(text.substr(begin, end - begin));
    return found;
  };
  EXPECT_THAT(words({}), testing::ElementsAre("John", "'", "s", "\xff", "boat", "漢字", "[SEP]", "x"));
  EXPECT_THAT(words({.special_tokens_as_text = true}),
              testing::ElementsAre("John", "'", "s", "\xff", "boat", "漢字", "[", "SEP", "]", "x"));
}

}  // namespace
}  // namespace qkv
