// Compares vectors of texts with those of sentence-transformers. tools/golden/embeddings.py wrote the files.
#include "embed/sentence_encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/files.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "embed/similarity.h"
#include "formats/json.h"
#include "formats/json_file.h"
#include "io/safetensors.h"
#include "tests/golden_folders.h"

namespace qkv {
namespace {

const std::filesystem::path kGoldens = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/embeddings";

EmbedOptions options_of(const nlohmann::json& run) {
  EmbedOptions options;
  if (run.contains("prompt_name")) options.prompt_name = run["prompt_name"].get<std::string>();
  options.truncate_dim = run.value("truncate_dim", 0);
  options.normalize = run.value("normalize", false);
  return options;
}

class SentenceEncoderGolden : public testing::TestWithParam<std::string> {
 protected:
  std::filesystem::path directory() const { return kGoldens / GetParam(); }
  std::vector<std::string> texts() const { return expected_["texts"].get<std::vector<std::string>>(); }
  Embeddings golden(size_t run) const {
    const TensorFile reader = open_safetensors(directory() / "expected.safetensors");
    const std::string name = std::to_string(run);
    const Tensor rows = Tensor::empty(reader.entries().at(name).shape, DType::f32);
    reader.read(name, rows);
    return {.size = rows.cols(), .values = rows.to_vector(), .cut = std::vector<bool>(static_cast<size_t>(rows.rows()))};
  }

  const nlohmann::json expected_ = read_json_object(directory() / "expected.json");
};

TEST_P(SentenceEncoderGolden, VectorsAreThoseOfSentenceTransformers) {
  const SentenceEncoder encoder(directory(), {});
  EXPECT_EQ(encoder.max_tokens(), expected_["max_tokens"]);
  for (size_t run = 0; run < expected_["runs"].size(); ++run) {
    const Embeddings found = encoder.embed(texts(), options_of(expected_["runs"][run])), wanted = golden(run);
    ASSERT_EQ(found.size, wanted.size);
    ASSERT_EQ(found.values.size(), wanted.values.size());
    for (size_t i = 0; i < found.values.size(); ++i) {
      EXPECT_NEAR(found.values[i], wanted.values[i], 2e-5 * (1 + std::abs(wanted.values[i]))) << "run " << run << ", value " << i;
    }
  }
}

TEST_P(SentenceEncoderGolden, Bf16IsClose) {
  const SentenceEncoder encoder(directory(), {.dtype = InferenceType::bf16});
  for (size_t run = 0; run < expected_["runs"].size(); ++run) {
    const Embeddings found = encoder.embed(texts(), options_of(expected_["runs"][run])), wanted = golden(run);
    for (int64_t i = 0; i < found.count(); ++i) EXPECT_GT(similarity_of(found.row(i), wanted.row(i), Similarity::cosine), 0.99) << i;
  }
}

TEST_P(SentenceEncoderGolden, AVectorHasTheSameBitsInEveryBatchOrderAndNumberOfThreads) {
  std::vector<std::string> backwards = texts();
  std::reverse(backwards.begin(), backwards.end());
  for (const InferenceType dtype : {InferenceType::f32, InferenceType::bf16}) {
    const SentenceEncoder encoder(directory(), {.dtype = dtype});
    const Embeddings together = encoder.embed(texts(), {});
    for (const int threads : {1, 3}) {
      set_num_threads(threads);
      const Embeddings turned = encoder.embed(backwards, {.batch_tokens = 20});
      for (int64_t i = 0; i < together.count(); ++i) {
        const std::span<const float> wanted = together.row(i);
        EXPECT_TRUE(std::ranges::equal(wanted, turned.row(together.count() - 1 - i))) << i;
        const std::string alone = texts()[static_cast<size_t>(i)];
        EXPECT_TRUE(std::ranges::equal(wanted, encoder.embed(std::span(&alone, 1), {}).row(0))) << i;
      }
    }
    set_num_threads(0);
  }
}

INSTANTIATE_TEST_SUITE_P(Goldens, SentenceEncoderGolden, testing::ValuesIn(folders_of(kGoldens)),
                         [](const auto& info) { return info.param; });

// As in sentence-transformers; config.json of the whole model names another class.
TEST(SentenceEncoder, TheWholeT5StandsForItsEncoder) {
  const TemporaryDirectory temporary;
  std::filesystem::copy(kGoldens / "t5_dense_normalize", temporary.path(), std::filesystem::copy_options::recursive);
  nlohmann::json config = read_json_object(temporary / "config.json");
  config["architectures"] = {"T5ForConditionalGeneration"};
  std::ofstream(temporary / "config.json") << config;
  const std::vector<std::string> texts{"the boat is old"};
  const Embeddings whole = SentenceEncoder(temporary.path(), {}).embed(texts, {});
  EXPECT_EQ(whole.values, SentenceEncoder(kGoldens / "t5_dense_normalize", {}).embed(texts, {}).values);
}

TEST(SentenceEncoder, LongTextsAreCutAndSaySo) {
  const SentenceEncoder encoder(kGoldens / "mean_normalize", {});
  std::string words;
  for (int i = 0; i < 50; ++i) words += "boat ";
  const std::vector<std::string> texts{"boat", words, words + "river"};
  const Embeddings found = encoder.embed(texts, {});
  EXPECT_THAT(found.cut, testing::ElementsAre(false, true, true));
  EXPECT_TRUE(std::ranges::equal(found.row(1), found.row(2))) << "what lies behind the cut is not read";
}

TEST(SentenceEncoder, PoolingCanBeChosen) {
  const std::vector<std::string> texts{"the boat is old"};
  const Embeddings cls = SentenceEncoder(kGoldens / "lower_case_several_modes", {.pooling = PoolingMode::cls}).embed(texts, {});
  const Embeddings all = SentenceEncoder(kGoldens / "lower_case_several_modes", {}).embed(texts, {});
  ASSERT_EQ(cls.size, 16);
  EXPECT_TRUE(std::ranges::equal(cls.row(0), all.row(0).first(16))) << "results of several modes stand in the order of the library";
}

TEST(SentenceEncoder, NoTextsGiveNoVectors) {
  const Embeddings found = SentenceEncoder(kGoldens / "bert_alone", {}).embed({}, {});
  EXPECT_EQ(found.count(), 0);
  EXPECT_EQ(found.size, 16);
}

}  // namespace
}  // namespace qkv
