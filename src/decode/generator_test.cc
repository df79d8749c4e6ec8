#include "decode/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "models/model.h"
#include "text/tokenizer_trainer.h"

namespace qkv {
namespace {

using testing::HasSubstr;

constexpr int kVocabulary = 30, kContext = 16;

TransformerConfig config_of(Position position) {
  TransformerConfig config;
  config.kind = Kind::decoder_only;
  config.vocab_size = kVocabulary;
  config.hidden_size = 32;
  config.encoder_layers = 0;
  config.decoder_layers = 2;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.decoder_ffn_dim = 64;
  config.norm_position = NormPosition::pre;
  config.position = position;
  config.scale_embedding = config.final_logits_bias = false;
  config.tie_word_embeddings = false;  // tied and untrained, a network repeats its input
  config.max_position_embeddings = kContext;
  return config;
}

// The likeliest token after all of these, computed in one pass.
int32_t likeliest_after(const Transformer& network, std::span<const int32_t> ids) {
  const auto length = static_cast<int32_t>(ids.size());
  ForwardContext context;
  const Tensor hidden = network.decode({{ids.begin(), ids.end()}, Segments::of_lengths(std::span(&length, 1))}, {}, {}, context);
  const Tensor logits = network.logits(hidden);
  const float* last = logits.as<float>() + (length - 1) * kVocabulary;
  return static_cast<int32_t>(std::max_element(last, last + kVocabulary) - last);
}

const std::vector<int32_t> kPrompt{3, 1, 4, 1, 5};
const GenerateOptions kGreedy{.sampling = {.temperature = 0}, .max_new_tokens = 40};

TEST(Generate, TokenByTokenIsWhatTheWholeTextGives) {
  for (const Position position : {Position::alibi, Position::t5, Position::none}) {
    const auto model = create_model(config_of(position), 5);
    std::vector<int32_t> all = kPrompt;
    for (const int32_t id : generate(model->network, kPrompt, kGreedy).ids) {
      EXPECT_EQ(id, likeliest_after(model->network, all)) << "after " << all.size() << " tokens";
      all.push_back(id);
    }
    EXPECT_EQ(all.size(), 45u);
  }
}

TEST(Generate, AFullContextGoesOnFromItsLastThreeQuarters) {
  for (const Position position : {Position::learned, Position::sinusoidal, Position::rope}) {
    const auto model = create_model(config_of(position), 5);
    std::vector<int32_t> all = kPrompt;
    size_t begin = 0;  // of what is in view
    for (const int32_t id : generate(model->network, kPrompt, kGreedy).ids) {
      if (all.size() - begin > kContext) begin = all.size() - kContext * 3 / 4;
      EXPECT_EQ(id, likeliest_after(model->network, std::span(all).subspan(begin))) << "after " << all.size() << " tokens";
      all.push_back(id);
    }
    EXPECT_EQ(all.size(), 45u);
    EXPECT_GT(begin, 0u);

    const std::vector<int32_t> long_prompt(all.begin(), all.begin() + 20);
    const auto after_end = generate(model->network, std::span(long_prompt).last(12), kGreedy).ids;
    EXPECT_EQ(generate(model->network, long_prompt, kGreedy).ids, after_end) << "a long prompt's end is read";
  }
}

TEST(Generate, ASeedGivesTheSameTokensOnAnyNumberOfThreads) {
  const auto model = create_model(config_of(Position::learned), 5);
  GenerateOptions options{.sampling = {.temperature = 2}, .seed = 9};
  const int threads = num_threads();
  set_num_threads(1);
  const std::vector<int32_t> ids = generate(model->network, kPrompt, options).ids;
  set_num_threads(3);
  EXPECT_EQ(generate(model->network, kPrompt, options).ids, ids);
  set_num_threads(threads);
  options.sample = 1;
  EXPECT_NE(generate(model->network, kPrompt, options).ids, ids);
  options.sample = 0;
  options.seed = 10;
  EXPECT_NE(generate(model->network, kPrompt, options).ids, ids);
}

TEST(Generate, TheEndTokenEndsTheTextAndIsNoPartOfIt) {
  const auto model = create_model(config_of(Position::alibi), 5);
  GenerateOptions options{.sampling = {.temperature = 2}, .seed = 9};
  const GeneratedTokens whole = generate(model->network, kPrompt, options);
  EXPECT_EQ(whole.end, GenerationEnd::max_new_tokens);
  EXPECT_EQ(whole.ids.size(), 256u);
  options.end_token = whole.ids[7];
  std::vector<int32_t> seen;
  const GeneratedTokens cut = generate(model->network, kPrompt, options, [&](int32_t id) { seen.push_back(id); });
  EXPECT_EQ(cut.end, GenerationEnd::end_of_text);
  EXPECT_LE(cut.ids.size(), 7u);
  EXPECT_TRUE(std::equal(cut.ids.begin(), cut.ids.end(), whole.ids.begin()));
  EXPECT_EQ(seen, cut.ids);
}

class GeneratorDirectory : public testing::Test {
 protected:
  GeneratorDirectory() {
    const std::vector<std::string> texts{"the quick brown fox jumps over the lazy dog.\n"};
    const Tokenizer tokenizer = train_tokenizer({.pipeline = Pipeline::bytes}, texts);
    TransformerConfig config = config_of(Position::learned);
    config.vocab_size = 260;  // rounded up
    config.eos_token_id = config.decoder_start_token_id = config.pad_token_id = tokenizer.token_to_id("<|endoftext|>");
    save_model(*create_model(config, 3), directory_.path());
    tokenizer.save(directory_.path());
  }
  TemporaryDirectory directory_;
};

TEST_F(GeneratorDirectory, StreamsTheTextThatItReturns) {
  const Generator generator = Generator::open(directory_.path());
  std::string streamed;
  const Generation result =
      generator.generate("the ", {.max_new_tokens = 100, .seed = 4}, [&](std::string_view text) { streamed += text; });
  EXPECT_EQ(streamed, result.text);
  EXPECT_EQ(result.prompt_tokens, 4);
  EXPECT_FALSE(result.prompt_cut);
  EXPECT_LE(result.tokens.size(), 100u);
  EXPECT_EQ(generator.generate("the ", {.max_new_tokens = 100, .seed = 4}).text, result.text);
  EXPECT_NE(generator.generate("the ", {.max_new_tokens = 100, .seed = 4, .sample = 1}).text, result.text);
  EXPECT_EQ(generator.generate("").prompt_tokens, 1) << "a text begins behind the end of another";
  EXPECT_TRUE(generator.generate(std::string(17, 'x'), {.max_new_tokens = 1}).prompt_cut);
}

TEST_F(GeneratorDirectory, OptionsThatCannotBeAreNamed) {
  const Generator generator = Generator::open(directory_.path());
  const auto error = [&](const GeneratorOptions& options) -> std::string {
    try {
      generator.generate("a", options);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::invalid_argument);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(error({.max_new_tokens = 0}), HasSubstr("--max-new-tokens 0"));
  EXPECT_THAT(error({.temperature = -1}), HasSubstr("--temperature -1"));
  EXPECT_THAT(error({.top_p = 0}), HasSubstr("--top-p 0"));
  EXPECT_THAT(error({.sample = -1}), HasSubstr("sample -1"));
}

}  // namespace
}  // namespace qkv
