// Reads a model in Marian's own files. tools/golden/marian_files.py wrote it, and what transformers' converter makes of it.
#include "models/marian_npz.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <fstream>

#include "base/error.h"
#include "base/files.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "models/model_directory.h"

namespace qkv {
namespace {

using testing::HasSubstr;

const std::filesystem::path kGolden = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/marian_files";
constexpr const char* kWeights = "opus.spm.transformer.model1.npz";

TokenBatch batch_of(const nlohmann::json& ids) {
  TokenBatch batch;
  for (const nlohmann::json& id : ids) batch.ids.push_back(id.get<int32_t>());
  batch.segments = Segments::of_lengths(std::vector<int32_t>{static_cast<int32_t>(ids.size())});
  return batch;
}

void expect_golden_logits(const Model& model) {
  const nlohmann::json expected = nlohmann::json::parse(read_file(kGolden / "expected.json"));
  for (size_t i = 0; i < expected["sources"].size(); ++i) {
    const TokenBatch source = batch_of(expected["sources"][i]), target = batch_of(expected["targets"][i]);
    ForwardContext context;
    const Tensor memory = model.network.encode(source, context);
    const std::vector<float> logits = model.network.logits(model.network.decode(target, memory, source.segments, context)).to_vector();
    size_t at = 0;
    for (const nlohmann::json& row : expected["logits"][i]) {
      for (const nlohmann::json& value : row) ASSERT_NEAR(logits.at(at++), value.get<float>(), 2e-5) << i;
    }
    EXPECT_EQ(at, logits.size());
  }
}

TEST(MarianFiles, LogitsEqualThoseOfTheConvertedModel) {
  const auto model = load_model(kGolden);
  EXPECT_EQ(model->model_type, "marian");
  EXPECT_EQ(model->config.pad_token_id, 35);
  EXPECT_EQ(model->generation.num_beams, 6);
  expect_golden_logits(*model);
  expect_golden_logits(*load_model(kGolden / kWeights));  // a file names its directory
  const TemporaryDirectory saved;
  save_model(*model, saved.path());
  expect_golden_logits(*load_model(saved.path()));
}

class ChangedMarianFiles : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::copy(kGolden, directory_); }
  std::string message() {
    try {
      load_model(directory_);
    } catch (const Error& error) {
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
      return error.what();
    }
    return "";
  }
  // Changes text of the same length in the weights' file, whose arrays are stored as they are.
  std::string message_with(const std::string& from, const std::string& to) {
    std::string content = read_file(kGolden / kWeights);
    size_t count = 0;
    for (size_t at = content.find(from); at != std::string::npos; at = content.find(from, at + 1), ++count) {
      content.replace(at, from.size(), to);
    }
    EXPECT_GT(count, 0u) << from;
    std::ofstream(directory_ / kWeights, std::ios::binary) << content;
    return message();
  }
  void put_decoder(const std::string& content) { std::ofstream(directory_ / "decoder.yml") << content; }

  TemporaryDirectory root_;
  std::filesystem::path directory_ = root_ / "en-de";
};

TEST_F(ChangedMarianFiles, SettingsWithoutAClassAreNamed) {
  EXPECT_THAT(message_with("right-left: false", "right-left: trues"),
              HasSubstr("\"right-left\" is \"trues\" in model.yml; only \"false\""));
  EXPECT_THAT(message_with("postprocess: dan", "postprocess: nad"), HasSubstr("\"transformer-postprocess\" is \"nad\""));
  EXPECT_THAT(message_with("all: true", "all: nope"), HasSubstr("tied-embeddings-all"));
  EXPECT_THAT(message_with("enc-depth: 2", "enc-depth: 3"), HasSubstr("has no tensor \"model.encoder.layers.2."));
  EXPECT_THAT(message_with("dim-emb: 16\nenc", "dim-emb: 1x\nenc"), HasSubstr("\"dim-emb\" in model.yml is \"1x\""));
  EXPECT_THAT(message_with("encoder_l1_self_Wq", "encoder_l1_self_Wz"), HasSubstr("encoder_l1_self_Wz"));
  EXPECT_THAT(message_with("special:model.yml", "special:model.xml"), HasSubstr("has no \"special:model.yml\""));
}

TEST_F(ChangedMarianFiles, DecoderYmlNamesFilesOfItsDirectory) {
  const std::string vocabs = "vocabs: [opus.spm.vocab.yml]\n";
  put_decoder(vocabs + "models: [/training/en-de/" + kWeights + "]\n");  // of another machine
  EXPECT_EQ(message(), "");
  put_decoder(vocabs + "models: [../other.npz]\n");
  EXPECT_THAT(message(), HasSubstr("\"models\" names other.npz, which is not beside it"));
  put_decoder(vocabs + "models: [" + kWeights + ", " + kWeights + "]\n");
  EXPECT_THAT(message(), HasSubstr("2 models that vote"));
  put_decoder(vocabs + "models: [x\n");
  EXPECT_THAT(message(), HasSubstr("decoder.yml:"));
  put_decoder("a: &a [b]\nc: *a\n");
  EXPECT_THAT(message(), HasSubstr("aliases are not read"));
  put_decoder("a: 1\na: 2\n");
  EXPECT_THAT(message(), HasSubstr("the key \"a\" comes a second time"));
  put_decoder(std::string(1000, '['));
  EXPECT_THAT(message(), HasSubstr("nested too deeply"));
}

TEST_F(ChangedMarianFiles, CutsAndFlippedBitsOfTheWeightsAreRefusedOrHarmless) {
  const std::string whole = read_file(kGolden / kWeights);
  const auto put = [&](const std::string& content) { std::ofstream(directory_ / kWeights, std::ios::binary) << content; };
  for (size_t size = 0; size < whole.size(); size += 512) {
    put(whole.substr(0, size));
    EXPECT_NE(message(), "") << size;
  }
  for (size_t bit = 5; bit < 8 * whole.size(); bit += 1009) {
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ 1 << bit % 8);
    put(flipped);
    message();
  }
}

}  // namespace
}  // namespace qkv
