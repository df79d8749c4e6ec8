#include "decode/search.h"

#include <gtest/gtest.h>

#include <cmath>
#include <fstream>
#include <numeric>

#include "base/parallel.h"
#include "formats/json.h"

namespace qkv {
namespace {

using Json = nlohmann::json;

std::filesystem::path golden(const std::string& name) { return std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/models" / name; }

TokenBatch batch_of(const std::vector<std::vector<int32_t>>& sources) {
  TokenBatch batch;
  std::vector<int32_t> lengths;
  for (const std::vector<int32_t>& ids : sources) {
    batch.ids.insert(batch.ids.end(), ids.begin(), ids.end());
    lengths.push_back(static_cast<int32_t>(ids.size()));
  }
  batch.segments = Segments::of_lengths(lengths);
  return batch;
}

SearchOptions options_of(const Json& json) {
  SearchOptions options;
  options.num_beams = json["num_beams"];
  options.num_return_sequences = json["num_return_sequences"];
  options.length_penalty = json["length_penalty"];
  options.early_stopping = json["early_stopping"] == "never" ? EarlyStopping::never
                           : json["early_stopping"] == true  ? EarlyStopping::yes
                                                             : EarlyStopping::no;
  options.max_length = json["max_length"];
  options.min_length = json["min_length"];
  options.rules.bad_words = json["suppressed"].get<std::vector<int32_t>>();
  if (!json["forced_eos_token_id"].is_null()) options.rules.forced_last = {json["forced_eos_token_id"].get<int32_t>()};
  if (json.contains("forced_bos_token_id")) options.rules.forced_first = json["forced_bos_token_id"].get<int32_t>();
  return options;
}

void expect_hypothesis(const Hypothesis& found, const Json& expected, bool greedy) {
  EXPECT_EQ(found.ids, expected["ids"].get<std::vector<int32_t>>());
  const std::vector<float> token_scores = expected["token_scores"];
  ASSERT_EQ(found.token_scores.size(), token_scores.size());
  for (size_t i = 0; i < token_scores.size(); ++i) EXPECT_NEAR(found.token_scores[i], token_scores[i], 1e-4) << "token " << i;
  // transformers has no score for a greedy sequence; ours is the sum of its token scores.
  const float score = greedy ? std::accumulate(token_scores.begin(), token_scores.end(), 0.0f) : expected["score"].get<float>();
  EXPECT_NEAR(found.score, score, 1e-4);
}

constexpr const char* kModels[] = {"marian_post_norm", "pegasus_pre_norm", "t5", "t5_v1_1", "mt5", "umt5", "bart", "mbart", "m2m100"};

class SearchGolden : public testing::TestWithParam<std::tuple<const char*, Device>> {
 protected:
  void SetUp() override {
    const auto [name, device] = GetParam();
    model = load_model(golden(name), device == Device::reference ? DType::f64 : DType::f32, device);
    std::ifstream(golden(name) / "expected.json") >> expected;
  }
  std::vector<std::vector<int32_t>> sources() const { return expected["sources"]; }
  std::vector<std::vector<Hypothesis>> run(const std::vector<std::vector<int32_t>>& of, const SearchOptions& options) const {
    ForwardContext context;
    return search(model->network, batch_of(of), options, context);
  }

  void expect_searches(const Json& file) const {
    for (const Json& each : file["searches"]) {
      SCOPED_TRACE(each["name"]);
      const SearchOptions options = options_of(each["options"]);
      const auto found = run(file["sources"], options);
      ASSERT_EQ(found.size(), each["results"].size());
      for (size_t i = 0; i < found.size(); ++i) {
        SCOPED_TRACE(testing::Message() << "source " << i);
        ASSERT_EQ(found[i].size(), each["results"][i].size());
        for (size_t rank = 0; rank < found[i].size(); ++rank) {
          SCOPED_TRACE(testing::Message() << "rank " << rank);
          expect_hypothesis(found[i][rank], each["results"][i][rank], options.num_beams == 1);
        }
      }
    }
  }

  std::unique_ptr<Model> model;
  Json expected;
};

TEST_P(SearchGolden, HypothesesAndScoresEqualTransformersToFourDigits) { expect_searches(expected); }

// Covers the cases of tools/golden/decode.py: early_stopping="never", 8 beams, min_length at max_length, </s> among the bad words, ...
TEST_P(SearchGolden, RulesThatMeetInUnusualWaysEqualTransformersToo) {
  const std::filesystem::path file = golden("../decode/" + std::string(std::get<0>(GetParam())) + ".json");
  if (!std::filesystem::exists(file)) GTEST_SKIP() << "searches of expected.json alone";
  Json more;
  std::ifstream(file) >> more;
  expect_searches(more);
}

void expect_equal(const std::vector<Hypothesis>& a, const std::vector<Hypothesis>& b) {
  ASSERT_EQ(a.size(), b.size());
  for (size_t rank = 0; rank < a.size(); ++rank) {
    EXPECT_EQ(a[rank].ids, b[rank].ids);
    EXPECT_EQ(a[rank].score, b[rank].score);
    EXPECT_EQ(a[rank].token_scores, b[rank].token_scores);
  }
}

Json expected_of(const std::string& name) {
  Json expected;
  std::ifstream(golden(name) / "expected.json") >> expected;
  return expected;
}

// A tied embedding is one packed weight for lookups and products.
TEST(SearchOnDevices, WeightsInPackedFormAloneChangeNoBit) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const std::unique_ptr<Model> dense = load_model(golden("marian_post_norm"), dtype),
                                 packed = load_model(golden("marian_post_norm"),
                                                     dtype == DType::bf16 ? InferenceType::bf16 : InferenceType::f32);
    const auto search_with = [&](const Model& model) {
      ForwardContext context;
      context.dtype = dtype;
      return search(model.network, batch_of(expected_of("marian_post_norm")["sources"]), default_search_options(model), context);
    };
    const auto found = search_with(*packed), expected = search_with(*dense);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) expect_equal(found[i], expected[i]);
    for (size_t i = 0; i < dense->parameters.all().size(); ++i)
      EXPECT_EQ(packed->parameters.all()[i].value.to_vector(), dense->parameters.all()[i].value.to_vector());
  }
}

// Runs beams, their rules and scores on a device whose memory is inaccessible to the host.
TEST(SearchOnDevices, BeamsOnTheDisguisedDeviceAreTheCpus) {
  for (const DType dtype : {DType::f32, DType::bf16}) {
    const auto search_on = [&](Device device) {
      const std::unique_ptr<Model> model = load_model(golden("marian_post_norm"), dtype, device);
      SearchOptions options = default_search_options(*model);
      options.num_beams = options.num_return_sequences = 4;
      options.max_length = 20;
      options.renormalize = true;
      ForwardContext context;
      context.dtype = dtype;
      return search(model->network, batch_of(expected_of("marian_post_norm")["sources"]), options, context);
    };
    const auto found = search_on(Device::disguised), expected = search_on(Device::cpu);
    ASSERT_EQ(found.size(), expected.size());
    for (size_t i = 0; i < found.size(); ++i) expect_equal(found[i], expected[i]);
  }
}

// Results are bit-identical because rows are computed in fixed slabs, independent of other sources.
TEST_P(SearchGolden, OneSourceAloneEqualsItselfAmongNeighbours) {
  std::vector<std::vector<int32_t>> many;
  for (int copy = 0; copy < 30; ++copy) {
    for (const std::vector<int32_t>& ids : sources()) many.push_back(ids);
  }
  for (const int beams : {1, 4}) {
    SearchOptions options = default_search_options(*model);
    options.num_beams = options.num_return_sequences = beams;
    options.max_length = 16;
    const auto together = run(many, options);
    for (size_t i = 0; i < sources().size(); ++i) {
      SCOPED_TRACE(testing::Message() << beams << " beams, source " << i);
      const auto alone = run({sources()[i]}, options);
      expect_equal(alone[0], together[i]);
      expect_equal(alone[0], together[i + 29 * sources().size()]);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Models, SearchGolden,
                         testing::Combine(testing::ValuesIn(kModels), testing::Values(Device::cpu, Device::reference, Device::disguised)),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param)) + "_" + kernels_of(std::get<1>(info.param)).name;
                         });

class Search : public testing::Test {
 protected:
  std::unique_ptr<Model> model = load_model(golden("marian_post_norm"));
  TokenBatch sources = batch_of({{5, 9, 12, 0}, {7, 0}, {30, 31, 32, 33, 34, 35, 0}});
  ForwardContext context;
};

TEST_F(Search, NumberOfThreadsChangesNothing) {
  SearchOptions options = default_search_options(*model);
  options.num_return_sequences = options.num_beams;
  const int threads = num_threads();
  set_num_threads(1);
  const auto one = search(model->network, sources, options, context);
  set_num_threads(3);
  const auto three = search(model->network, sources, options, context);
  set_num_threads(threads);
  for (size_t i = 0; i < one.size(); ++i) expect_equal(one[i], three[i]);
}

TEST_F(Search, GreedyAndBeamStopAtTheModelsPositions) {
  SearchOptions options = default_search_options(*model);
  options.max_length = 1 << 30;
  options.min_length = 1 << 30;  // </s> is never allowed
  for (const int beams : {1, 2}) {
    options.num_beams = beams;
    for (const auto& found : search(model->network, sources, options, context)) {
      EXPECT_EQ(found[0].ids.size(), static_cast<size_t>(model->config.max_position_embeddings));
    }
  }
}

TEST_F(Search, EachSourceHasItsOwnLimit) {
  SearchOptions options = default_search_options(*model);
  options.min_length = options.max_length;  // </s> is never allowed
  options.max_length_factor = 1.5f;
  for (const int beams : {1, 2}) {
    options.num_beams = beams;
    const auto found = search(model->network, sources, options, context);
    for (int64_t i = 0; i < sources.segments.count(); ++i) {
      const size_t most = static_cast<size_t>(std::ceil(1.5 * static_cast<double>(sources.segments.length(i))));
      EXPECT_EQ(found[i].at(0).ids.size(), std::min<size_t>(most, options.max_length - 1)) << "source " << i << ", beams " << beams;
    }
  }
}

TEST_F(Search, EverythingSuppressedGivesAnEmptyHypothesis) {
  SearchOptions options = default_search_options(*model);
  options.rules.bad_words.resize(static_cast<size_t>(model->config.vocab_size));
  std::iota(options.rules.bad_words.begin(), options.rules.bad_words.end(), 0);
  options.min_length = 20;
  options.max_length = 20;
  for (const int beams : {1, 4}) {
    options.num_beams = beams;
    const auto found = search(model->network, sources, options, context);
    ASSERT_EQ(found.size(), 3u);
    for (const auto& each : found) EXPECT_TRUE(each.at(0).ids.empty());
  }
}

TEST_F(Search, MoreBeamsThanTokensReturnsWhatExists) {
  SearchOptions options = default_search_options(*model);
  options.num_beams = options.num_return_sequences = 100;
  options.max_length = 2;  // one token: the vocabulary without pad
  for (const auto& found : search(model->network, sources, options, context)) EXPECT_EQ(found.size(), 47u);
}

TEST_F(Search, WrongOptionsAreRefused) {
  const auto refused = [&](auto change) {
    SearchOptions options = default_search_options(*model);
    change(options);
    EXPECT_THROW(search(model->network, sources, options, context), Error);
  };
  refused([](SearchOptions& o) { o.num_beams = 0; });
  refused([](SearchOptions& o) { o.num_return_sequences = o.num_beams + 1; });
  refused([](SearchOptions& o) { o.num_return_sequences = 0; });
  refused([](SearchOptions& o) { o.max_length = 1; });
  refused([](SearchOptions& o) { o.max_length_factor = -1; });
  refused([](SearchOptions& o) { o.rules.suppressed = {48}; });
  refused([](SearchOptions& o) { o.rules.bad_words = {-1}; });
  refused([](SearchOptions& o) { o.rules.forced_last = {48}; });
}

TEST_F(Search, CallbackEndsTheSearch) {
  SearchOptions options = default_search_options(*model);
  int steps = 0;
  options.on_step = [&] {
    if (++steps == 3) throw Error(ErrorCode::interrupted, "stop");
  };
  EXPECT_THROW(search(model->network, sources, options, context), Error);
  EXPECT_EQ(steps, 3);
}

TEST_F(Search, NoSourcesGiveNoHypotheses) {
  EXPECT_TRUE(search(model->network, TokenBatch{}, default_search_options(*model), context).empty());
}

TEST_F(Search, NotANumberIsReported) {
  model->parameters.all().front().value.fill(std::nanf(""));
  for (const int beams : {1, 4}) {
    SearchOptions options = default_search_options(*model);
    options.num_beams = beams;
    EXPECT_THROW(search(model->network, sources, options, context), Error);
  }
}

}  // namespace
}  // namespace qkv
