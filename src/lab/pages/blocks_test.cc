#include "lab/pages/blocks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "nn/transformer.h"

namespace qkv::lab {
namespace {

using testing::HasSubstr;

TEST(StructureDrawing, CountsTheParametersOfTheNetworkItShows) {
  UniformConfig config = paper_base_config();
  config.vocab_size = 100;
  config.hidden_size = 32;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.encoder_ffn_dim = 64;
  config.decoder_ffn_dim = 48;
  config.encoder_layers = 3;
  config.decoder_layers = 2;
  ParameterStore store(1, true);
  const Transformer network(config, store);
  EXPECT_EQ(structure_of(config, 5, 7).parameters, store.count());
}

TEST(StructureDrawing, BaseModelHasThePapersSizes) {
  const Structure structure = structure_of(paper_base_config(), 25, 25);
  EXPECT_EQ(structure.parameters, 63'082'496);  // 37,000 * 512 + 6 * 3,152,384 + 6 * 4,204,032
  EXPECT_EQ(structure.encoder.boxes.at(1).parameters, 4 * 512 * 512 + 4 * 512);
  EXPECT_EQ(structure.encoder.boxes.at(1).operations, 2.0 * 4 * 25 * 512 * 512 + 2.0 * 2 * 25 * 25 * 512);
}

TEST(CacheTable, CountsTheBytesOfKnownModels) {
  const auto find = [](const std::string& name) {
    for (const CachedModel& each : cached_models()) {
      if (each.name == name) return each;
    }
    return CachedModel{};
  };
  EXPECT_EQ(cache_bytes(find("Llama 2 7B"), 32, 1), 524'288);  // half a MiB per token
  EXPECT_EQ(cache_bytes(find("Llama 2 70B"), 8, 1), 327'680);
  EXPECT_EQ(cache_bytes(find("GPT-2 small"), 12, 1024), 37'748'736);
  EXPECT_EQ(cache_bytes(find("Falcon 7B"), 1, 1), 8192);
}

TEST(TokenizerBlocks, SentenceIsCutAsByTransformers) {
  // transformers' BertTokenizer with the same vocabulary.
  const std::string html = bert_path(page_text(Language::en, "bert_tokenizer"), Language::en);
  EXPECT_THAT(html, HasSubstr("the · cafe · ' · s · wait · ##er · is · un · ##aff · ##able · ! · 我 · 爱 · 北 · 京 · 。"));
  EXPECT_THAT(html, HasSubstr("2 8 9 6 10 11 12 13 14 15 16 5 22 23 24 25 7 3"));
}

TEST(TokenizerBlocks, MergesAreThoseOfThePlainAlgorithm) {
  // Counted by hand: "es" and "st" occur 9 times, so "est" comes next; "lo" and "ow" 7 times, "ne" 6 times.
  const std::string html = bpe_merges(page_text(Language::en, "tokenizers"), Language::en);
  EXPECT_THAT(html, HasSubstr("<td>▁ · l · o · w · e · s · t</td>"));
  EXPECT_THAT(html, HasSubstr("<td>▁low · est</td>"));
}

TEST(TokenizerBlocks, LikeliestSegmentationComesFirst) {
  // 0.10 * 0.08
  EXPECT_THAT(unigram_choices(page_text(Language::en, "tokenizers"), Language::en),
              HasSubstr("<tr class=\"on\"><th scope=\"row\">low · est</th><td>0.008</td>"));
}

}  // namespace
}  // namespace qkv::lab
