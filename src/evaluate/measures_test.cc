// Expected numbers are from tools/golden/measures.py: by the real sacreBLEU, or computed from definitions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "base/files.h"
#include "evaluate/comparison.h"
#include "evaluate/label_scores.h"
#include "evaluate/measures/bleu_tokenization.h"
#include "evaluate/measures/error_rate.h"
#include "evaluate/measures/split_words.h"
#include "evaluate/measures/ter_tokenization.h"
#include "evaluate/option_table.h"
#include "evaluate/scores.h"
#include "formats/json.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

using Lines = std::vector<std::string>;

const nlohmann::json& goldens() {
  static const auto json = nlohmann::json::parse(read_file(QKV_SOURCE_DIR "/tests/goldens/scores/measures.json"));
  return json;
}

// All scores and signatures of a corpus.
void expect_scores(const nlohmann::json& corpus, const nlohmann::json& expected, const ScoringOptions& options, const std::string& name) {
  const auto references = corpus["references"].get<std::vector<Lines>>();
  const LineCounts counts = count_corpus(corpus["hypotheses"].get<Lines>(), references, {.scoring = options});
  const std::vector<Measure> all = measures(options, references.size());
  const char* keys[] = {"bleu", "chrf", "chrf_plus_plus", "ter"};
  for (size_t m = 0; m < 4; ++m) {
    const std::string key = keys[m];
    EXPECT_NEAR(all[m].score(counts, options), expected[key].get<double>(), 1e-9) << name << ": " << key;
    EXPECT_EQ(all[m].signature, expected[key + "_signature"].get<std::string>()) << name;
  }
}

TEST(Measures, SeveralReferencesScoreAsInSacrebleu) {
  ASSERT_GE(goldens()["several_references"].size(), 9u);
  for (const auto& each : goldens()["several_references"]) expect_scores(each, each["scores"], {}, each["name"]);
}

TEST(Measures, OptionsAndSignaturesAreSacrebleus) {
  ASSERT_GE(goldens()["options"].size(), 25u);
  for (const auto& each : goldens()["options"]) {
    ScoringOptions options;
    for (const auto& [name, value] : each["options"].items())
      find_option(scoring_option_table(), name)->set(options, value.get<std::string>(), name);
    expect_scores(goldens()["option_corpora"][each["corpus"].get<std::string>()], each["scores"], options, each["options"].dump());
  }
}

TEST(Measures, TokenizationsAreSacrebleus) {
  ASSERT_GE(goldens()["tokenized"].size(), 300u);
  for (const auto& each : goldens()["tokenized"]) {
    ScoringOptions options;
    std::string tokens;
    const std::string line = each["line"].get<std::string>();
    if (each.contains("tokenize")) {
      find_option(scoring_option_table(), "tokenize")->set(options, each["tokenize"].get<std::string>(), "");
      tokens = tokenize_for_bleu(line, options.tokenization);
    } else {
      for (const auto& flag : each["ter"]) find_option(scoring_option_table(), "ter-" + flag.get<std::string>())->set(options, "true", "");
      tokens = tokenize_for_ter(line, options);
    }
    const std::vector<std::string_view> words = split_words(tokens);
    EXPECT_EQ(Lines(words.begin(), words.end()), each["tokens"].get<Lines>()) << each.dump();
  }
}

TEST(Measures, LowerCaseIsPythons) {
  for (const auto& each : goldens()["lower_case"]) EXPECT_EQ(lower_case(each["line"].get<std::string>()), each["lower"].get<std::string>());
}

// With sacreBLEU's own draws all figures are equal; the tolerance is for its float32.
TEST(Measures, PairedBootstrapEqualsSacrebleusOnItsDraws) {
  const nlohmann::json& golden = goldens()["bootstrap"];
  const auto systems = golden["systems"].get<std::vector<Lines>>(), references = golden["references"].get<std::vector<Lines>>();
  const auto draws = golden["draws"].get<std::vector<std::vector<uint32_t>>>();
  const LineSampler sampler = [&](int64_t sample, std::span<uint32_t> lines) {
    std::copy(draws[static_cast<size_t>(sample)].begin(), draws[static_cast<size_t>(sample)].end(), lines.begin());
  };
  const std::vector<MeasureComparison> all = compare_systems(systems, references, {.resamples = golden["samples"].get<int64_t>()}, sampler);
  ASSERT_EQ(all.size(), 4u);
  for (const MeasureComparison& measure : all) {
    const nlohmann::json& expected = golden["measures"][measure.name];
    std::string signature = expected["signature"].get<std::string>();
    signature.insert(signature.find("|case:"), "|rng:philox");  // sacreBLEU draws with numpy's generator
    EXPECT_EQ(measure.signature, signature);
    ASSERT_EQ(measure.systems.size(), 3u);
    for (size_t i = 0; i < 3; ++i) {
      const nlohmann::json& system = expected["systems"][i];
      EXPECT_NEAR(measure.systems[i].score, system["score"].get<double>(), 1e-9) << measure.name;
      EXPECT_NEAR(measure.systems[i].mean, system["mean"].get<double>(), 1e-4) << measure.name;
      EXPECT_NEAR(measure.systems[i].interval, system["interval"].get<double>(), 1e-4) << measure.name;
      ASSERT_EQ(measure.systems[i].p_value.has_value(), i > 0);
      if (i > 0) EXPECT_NEAR(*measure.systems[i].p_value, system["p_value"].get<double>(), 1e-12) << measure.name;
    }
  }
}

// Other draws give other figures within the sampling error: 1000 resamples are known to about 1/sqrt(1000) of their spread.
TEST(Measures, OwnDrawsEqualSacrebleusWithinTheSamplingError) {
  const nlohmann::json& golden = goldens()["long_bootstrap"];
  const auto systems = golden["systems"].get<std::vector<Lines>>(), references = golden["references"].get<std::vector<Lines>>();
  const std::vector<MeasureComparison> all =
      compare_systems(systems, references, {.resamples = 1000}, random_lines(12345, systems.front().size()));
  for (const MeasureComparison& measure : all) {
    for (size_t i = 0; i < measure.systems.size(); ++i) {
      const nlohmann::json& system = golden["measures"][measure.name]["systems"][i];
      const double interval = system["interval"].get<double>(), deviation = interval / 1.96;
      // Four deviations of a difference of two means, and a fifth of the interval, whose ends are known less well.
      EXPECT_NEAR(measure.systems[i].mean, system["mean"].get<double>(), 4 * deviation * std::sqrt(2.0 / 1000)) << measure.name;
      EXPECT_NEAR(measure.systems[i].interval, interval, interval / 5) << measure.name;
      if (i == 0) continue;
      const double p = system["p_value"].get<double>();
      EXPECT_NEAR(*measure.systems[i].p_value, p, 4 * std::sqrt(2 * p * (1 - p) / 1000) + 0.002) << measure.name;
    }
  }
}

TEST(Measures, EqualSystemsHaveAPValueOfOneAndSeedsDecide) {
  const nlohmann::json& golden = goldens()["bootstrap"];
  const auto references = golden["references"].get<std::vector<Lines>>();
  const std::vector<Lines> equal{golden["systems"][0].get<Lines>(), golden["systems"][0].get<Lines>()};
  const ComparisonOptions options{.resamples = 50};
  const size_t lines = references.front().size();
  for (const MeasureComparison& measure : compare_systems(equal, references, options, random_lines(1, lines)))
    EXPECT_EQ(measure.systems[1].p_value, 1) << measure.name;
  const auto mean = [&](uint64_t seed) {
    return compare_systems(equal, references, options, random_lines(seed, lines))[0].systems[0].mean;
  };
  EXPECT_EQ(mean(1), mean(1));
  EXPECT_NE(mean(1), mean(2));
}

TEST(Measures, TokenErrorsAreThoseOfTheDefinition) {
  ASSERT_GE(goldens()["token_errors"].size(), 60u);
  for (const auto& each : goldens()["token_errors"]) {
    const std::string reference = each["reference"].get<std::string>();
    const ErrorRate errors = count_token_errors(each["hypothesis"].get<std::string>(), {&reference, 1}, white_space_splitter());
    EXPECT_EQ(errors.substitutions, each["substitutions"].get<int64_t>()) << each.dump();
    EXPECT_EQ(errors.insertions, each["insertions"].get<int64_t>()) << each.dump();
    EXPECT_EQ(errors.deletions, each["deletions"].get<int64_t>()) << each.dump();
    EXPECT_EQ(errors.tokens, each["tokens"].get<int64_t>()) << each.dump();
  }
}

TEST(Measures, OfSeveralReferencesTheOneWithTheFewestErrorsCounts) {
  const Lines references{"a b c d", "a b x", "a b x y z"};
  const ErrorRate errors = count_token_errors("a b y", references, white_space_splitter());
  EXPECT_EQ(errors.errors(), 1);
  EXPECT_EQ(errors.tokens, 3);
  const Lines alike{"a b", "a b c d"};  // one error each
  EXPECT_EQ(count_token_errors("a b c", alike, white_space_splitter()).tokens, 4) << "the longer one";
  EXPECT_FALSE(ErrorRate{.insertions = 1}.percent());
}

TEST(Measures, LabelScoresAreThoseOfTheDefinitions) {
  ASSERT_GE(goldens()["labels"].size(), 7u);
  for (const auto& each : goldens()["labels"]) {
    const auto names = each["labels"].get<Lines>();
    const LabelScores scores = scores_of_labels(each["confusion"].get<ConfusionMatrix>(), names);
    EXPECT_NEAR(scores.macro_f1, each["macro_f1"].get<double>(), 1e-12) << each["name"];
    EXPECT_NEAR(scores.micro_f1, each["micro_f1"].get<double>(), 1e-12) << each["name"];
    EXPECT_NEAR(scores.matthews, each["matthews"].get<double>(), 1e-12) << each["name"];
    for (size_t i = 0; i < names.size(); ++i) {
      EXPECT_NEAR(scores.labels[i].precision(), each["each"][i]["precision"].get<double>(), 1e-12) << each["name"];
      EXPECT_NEAR(scores.labels[i].recall(), each["each"][i]["recall"].get<double>(), 1e-12) << each["name"];
      EXPECT_NEAR(scores.labels[i].f1(), each["each"][i]["f1"].get<double>(), 1e-12) << each["name"];
    }
  }
}

}  // namespace
}  // namespace qkv
