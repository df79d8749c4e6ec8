#include "qkv/embedder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/test_directories.h"
#include "qkv/options.h"

namespace qkv {
namespace {

using testing::HasSubstr;

class EmbedderTest : public testing::Test {
 protected:
  void SetUp() override { write_encoder(directory_ / "model", Head::pooler); }

  TemporaryDirectory directory_;
  const std::vector<std::string> texts_{"the boat is old", "", "very good", "rivers \xff", std::string(400, 'o')};
};

TEST_F(EmbedderTest, EachTextHasAVector) {
  const Embedder embedder = Embedder::open(directory_ / "model");
  EXPECT_EQ(embedder.max_tokens(), 40);
  EXPECT_TRUE(embedder.prompts().empty());
  const Embeddings found = embedder.embed(texts_, {.normalize = true});
  EXPECT_EQ(found.count(), 5);
  EXPECT_EQ(found.size, embedder.size());
  for (const double each : pair_similarities(found, found, Similarity::dot)) EXPECT_NEAR(each, 1, 1e-6);
  EXPECT_EQ(nearest_neighbours(found, found, 1, Similarity::cosine)[2][0].index, 2);
}

TEST_F(EmbedderTest, NumpyReadsTheFile) {
  const Embeddings found = Embedder::open(directory_ / "model").embed(texts_, {.truncate_dim = 3});
  write_npy(directory_ / "x.npy", found);
  const std::string bytes = read_file(directory_ / "x.npy");
  EXPECT_THAT(bytes, HasSubstr("'shape': (5, 3)"));
  EXPECT_EQ(bytes.size(), 128 + 5 * 3 * sizeof(float));
  EXPECT_EQ(bytes.compare(128, std::string::npos, reinterpret_cast<const char*>(found.values.data()), 5 * 3 * sizeof(float)), 0);
}

TEST_F(EmbedderTest, WrongUseIsOneLine) {
  const Embedder embedder = Embedder::open(directory_ / "model");
  const auto embed = [&](const EmbedOptions& options) {
    return error_of([&] { embedder.embed(texts_, options); }, ErrorCode::invalid_argument);
  };
  EXPECT_THAT(embed({.batch_tokens = 0}), HasSubstr("batch_tokens"));
  EXPECT_THAT(embed({.truncate_dim = 1000}), HasSubstr("truncate_dim 1000 is more than the"));
  EXPECT_THAT(embed({.prompt_name = "query"}), HasSubstr("no prompt \"query\"; it has none at all"));
  write_translator(directory_ / "translator");
  EXPECT_THAT(error_of([&] { Embedder::open(directory_ / "translator"); }, ErrorCode::unsupported), HasSubstr("translates"));
  EXPECT_THAT(error_of([&] { Embedder::open(directory_ / "nothing"); }, ErrorCode::io), HasSubstr("nothing"));
}

TEST_F(EmbedderTest, CancelledWorkStops) {
  CancellationToken token;
  token.cancel();
  const auto embed = [&] { Embedder::open(directory_ / "model").embed(texts_, {.cancellation = &token}); };
  EXPECT_THAT(error_of(embed, ErrorCode::interrupted), testing::Not(HasSubstr("no error")));
}

TEST(EmbedOptions, AreATable) {
  EmbedOptions options;
  set_option(options, "truncate-dim", "12");
  EXPECT_EQ(options.truncate_dim, 12);
  EXPECT_EQ(option_value(options, "truncate-dim"), "12");
  EXPECT_EQ(embed_options()[0].name, "prompt");
}

}  // namespace
}  // namespace qkv
