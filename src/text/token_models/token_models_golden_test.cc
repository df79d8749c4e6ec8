// WordPiece, WordLevel, Unigram and BPE with dropout against `tokenizers` and sentencepiece.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "base/philox.h"
#include "text/files/test_files.h"
#include "text/files/tokenizer_json.h"
#include "text/token_models/unigram_model.h"

namespace qkv {
namespace {

using nlohmann::json;
using Ids = std::vector<int32_t>;

json models_golden(const std::string& name) { return golden("../token_models/" + name + ".json"); }

class TokenModelGolden : public testing::TestWithParam<const char*> {};

TEST_P(TokenModelGolden, HasTheIdsAndSpansOfTokenizers) {
  const json expected = models_golden(GetParam());
  const json texts = golden("texts.json");
  const std::string file = expected["tokenizer"].dump();
  const TokenizerParts parts = parse_tokenizer_json(file, "t.json");
  const Tokenizer tokenizer = TokenizerAccess::from_json(file, "", "t.json");
  ASSERT_EQ(texts.size(), expected["ids"].size());
  for (size_t i = 0; i < texts.size(); ++i) {
    PieceList list(NormalizedText{texts[i].get<std::string>()});
    if (parts.pre_tokenizer) parts.pre_tokenizer->apply(list);
    Ids ids, with_spans;
    std::vector<Span> spans;
    for (const PieceList::Piece& piece : list.pieces) {
      parts.model->tokenize(list.view(piece), ids, nullptr);
      parts.model->tokenize(list.view(piece), with_spans, &spans);
    }
    EXPECT_EQ(ids, expected["ids"][i].get<Ids>()) << texts[i];
    EXPECT_EQ(with_spans, ids) << texts[i];
    std::vector<size_t> ends;
    for (const Span& span : spans) ends.insert(ends.end(), {span.begin, span.end});
    EXPECT_EQ(ends, expected["spans"][i].get<std::vector<size_t>>()) << texts[i];
    EXPECT_EQ(tokenizer.encode(texts[i].get<std::string>()), ids) << "a second time, from caches where there are some";
  }
}

INSTANTIATE_TEST_SUITE_P(All, TokenModelGolden,
                         testing::Values("word_piece", "word_piece_short_words", "word_piece_no_prefix", "word_level", "unigram",
                                         "unigram_split", "unigram_bytes", "unigram_whole_texts"),
                         [](const auto& info) { return std::string(info.param); });

TEST(UnigramGolden, TiesAreDecidedAsInTokenizers) {
  const json expected = models_golden("ties");
  ASSERT_EQ(expected["models"].size(), 6u);
  for (const json& model : expected["models"]) {
    const Tokenizer tokenizer = TokenizerAccess::from_json(model["tokenizer"].dump(), "", "t.json");
    for (size_t i = 0; i < model["words"].size(); ++i) {
      const std::string word = model["words"][i];
      EXPECT_EQ(tokenizer.encode(word), model["ids"][i].get<Ids>()) << word;
    }
  }
}

UnigramModel spm_model(const json& source) {
  using Kind = UnigramPiece::Kind;
  const std::map<std::string, Kind> kinds{{"normal", Kind::normal}, {"user_defined", Kind::user_defined}, {"hidden", Kind::hidden}};
  std::vector<UnigramPiece> pieces;
  for (const json& piece : source["pieces"]) pieces.push_back({piece[0], piece[1], kinds.at(piece[2])});
  return {std::move(pieces), {.unk_id = source["unk_id"], .byte_fallback = source["byte_fallback"], .single_precision = true}};
}

class SentencePieceGolden : public testing::TestWithParam<const char*> {};

TEST_P(SentencePieceGolden, HasTheIdsOfSentencepiece) {
  const json expected = models_golden(GetParam());
  const UnigramModel model = spm_model(expected);
  for (size_t i = 0; i < expected["texts"].size(); ++i) {
    const std::string text = expected["texts"][i];
    Ids ids;
    model.tokenize(text, ids, nullptr);
    EXPECT_EQ(ids, expected["ids"][i].get<Ids>()) << text;
  }
}

INSTANTIATE_TEST_SUITE_P(All, SentencePieceGolden, testing::Values("spm_test_model", "spm_nbest", "spm_ties", "spm_kinds"),
                         [](const auto& info) { return std::string(info.param); });

TEST(SentencePieceGolden, TheBestSegmentationsAreThoseOfSentencepiece) {
  const json expected = models_golden("spm_nbest");
  const UnigramModel model = spm_model(expected);
  for (size_t i = 0; i < expected["texts"].size(); ++i) {
    const json& nbest = expected["nbest"][i];
    const std::vector<float> scores = expected["nbest_scores"][i];
    const auto best = model.best(expected["texts"][i].get<std::string>(), nbest.size());
    ASSERT_EQ(best.size(), nbest.size()) << expected["texts"][i];
    for (size_t k = 0; k < best.size(); ++k) {
      EXPECT_NEAR(best[k].score, scores[k], 1e-3);
      const auto differs = [&](size_t other) { return other >= scores.size() || std::abs(scores[other] - scores[k]) > 1e-3F; };
      if (differs(k + 1) && (k == 0 || differs(k - 1)) && k + 1 < best.size()) {
        EXPECT_EQ(best[k].ids, nbest[k].get<Ids>()) << expected["texts"][i] << " " << k;
      }
    }
  }
}

TEST(BpeDropoutGolden, SegmentationsAreAsFrequentAsInTokenizers) {
  const json expected = models_golden("dropout");
  const std::string file = expected["tokenizer"].dump();
  const TokenizerParts parts = parse_tokenizer_json(file, "t.json");
  constexpr int kDraws = 20'000;
  for (const json& each : expected["cases"]) {
    RandomStream random(11);
    std::map<Ids, int> counts;
    for (int draw = 0; draw < kDraws; ++draw) {
      Ids ids;
      parts.model->sample(each["word"].get<std::string>(), {.dropout = each["dropout"].get<double>()}, random, ids, nullptr);
      ++counts[ids];
    }
    int known = 0;
    for (size_t i = 0; i < each["ids"].size(); ++i) {
      const double frequency = each["frequencies"][i];
      const int count = counts[each["ids"][i].get<Ids>()];
      known += count;
      EXPECT_NEAR(static_cast<double>(count) / kDraws, frequency, 5 * std::sqrt(frequency * (1 - frequency) / kDraws) + 1e-4)
          << each["word"] << " " << each["ids"][i];
    }
    EXPECT_GE(known, kDraws - 5) << each["word"];
  }
}

TEST(BpeDropoutGolden, OnlySamplesDrop) {
  const std::string file = models_golden("dropout")["tokenizer"].dump();  // its dropout is 0.25
  const TokenizerParts parts = parse_tokenizer_json(file, "t.json");
  const std::string word = "slowestlowernewestwider";
  Ids best;
  std::vector<Span> best_spans;
  parts.model->tokenize(word, best, &best_spans);
  const auto sampled = [&](uint64_t seed, const SubwordSampling& how) {
    RandomStream random(seed);
    Ids ids;
    std::vector<Span> spans;
    parts.model->sample(word, how, random, ids, &spans);
    EXPECT_EQ(spans.size(), ids.size());
    size_t end = 0;
    for (size_t i = 0; i < spans.size(); ++i) {
      EXPECT_EQ(spans[i].begin, end);
      end = spans[i].end;
      EXPECT_EQ(word.substr(spans[i].begin, end - spans[i].begin), parts.model->vocabulary().token(ids[i]));
    }
    EXPECT_EQ(end, word.size());
    return ids;
  };
  int same = 0;
  for (uint64_t seed = 0; seed < 20; ++seed) {
    EXPECT_EQ(sampled(seed, {}), sampled(seed, {.dropout = 0.25}));
    EXPECT_EQ(sampled(seed, {.dropout = 0}), best);
    EXPECT_EQ(sampled(seed, {.dropout = 1}).size(), word.size());
    same += sampled(seed, {}) == best;
  }
  EXPECT_LT(same, 10);
  EXPECT_THAT(error_of([&] { sampled(1, {.dropout = 1.5}); }), testing::HasSubstr("the dropout is 1.5"));
}

}  // namespace
}  // namespace qkv
