#include "decode/generator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/error.h"
#include "base/files.h"
#include "base/parallel.h"
#include "base/temporary_directory.h"
#include "formats/json.h"
#include "models/model.h"
#include "nn/uniform_config.h"
#include "text/training/tokenizer_trainer.h"

namespace qkv {
namespace {

using testing::HasSubstr;

constexpr int kVocabulary = 30, kContext = 16;

UniformConfig config_of(Position position) {
  UniformConfig config;
  config.kind = Kind::decoder_only;
  config.vocab_size = kVocabulary;
  config.hidden_size = 32;
  config.encoder_layers = 0;
  config.decoder_layers = 2;
  config.num_attention_heads = config.num_key_value_heads = 4;
  config.decoder_ffn_dim = 64;
  config.norm_position = NormPlace::pre;
  config.position = position;
  config.scale_embedding = config.final_logits_bias = false;
  config.tie_word_embeddings = false;  // an untrained network with tied embeddings repeats its input
  config.max_position_embeddings = kContext;
  return config;
}

// The likeliest token after all of `ids`, computed in one pass.
int32_t likeliest_after(const Transformer& network, std::span<const int32_t> ids) {
  const auto length = static_cast<int32_t>(ids.size());
  ForwardContext context;
  const Tensor hidden = network.decode({{ids.begin(), ids.end()}, Segments::of_lengths(std::span(&length, 1))}, {}, {}, context);
  const Tensor logits = network.logits(hidden);
  const float* last = logits.host<float>() + (length - 1) * kVocabulary;
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
  for (const Position position : {Position::learned, Position::sinusoidal}) {
    const auto model = create_model(config_of(position), 5);
    std::vector<int32_t> all = kPrompt;
    size_t begin = 0;  // start of the visible tokens
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
  UniformConfig config = config_of(Position::alibi);
  const GenerateOptions options{.sampling = {.temperature = 2}, .seed = 9};
  const GeneratedTokens whole = generate(create_model(config, 5)->network, kPrompt, options);
  EXPECT_EQ(whole.end, GenerationEnd::max_new_tokens);
  EXPECT_EQ(whole.ids.size(), 256u);
  config.eos_token_ids = {whole.ids[200], whole.ids[7]};
  const auto model = create_model(config, 5);
  std::vector<int32_t> seen;
  const GeneratedTokens cut = generate(model->network, kPrompt, options, [&](int32_t id) { seen.push_back(id); });
  EXPECT_EQ(cut.end, GenerationEnd::end_of_text);
  EXPECT_LE(cut.ids.size(), 7u);
  EXPECT_TRUE(std::equal(cut.ids.begin(), cut.ids.end(), whole.ids.begin()));
  EXPECT_EQ(seen, cut.ids);
}

TEST(Generate, TheModelsOwnSamplingIsUsedWhereNoneIsChosen) {
  const auto sampling = [](const GeneratorOptions& chosen, const GenerationDefaults& generation) {
    const SamplingOptions found = resolve_sampling(chosen, generation);
    return std::vector<double>{found.temperature, static_cast<double>(found.top_k), found.top_p};
  };
  GenerationDefaults llama2;
  llama2.do_sample = true;
  llama2.temperature = 0.5f;
  llama2.top_p = 0.75f;
  EXPECT_THAT(sampling({}, {}), testing::ElementsAre(1, 0, 1));
  EXPECT_THAT(sampling({}, llama2), testing::ElementsAre(0.5, 50, 0.75)) << "50 is transformers' default";
  EXPECT_THAT(sampling({.temperature = 2, .top_k = 0, .top_p = 0.25}, llama2), testing::ElementsAre(2, 0, 0.25));
  llama2.top_k = 7;
  EXPECT_THAT(sampling({}, llama2), testing::ElementsAre(0.5, 7, 0.75));
  llama2.do_sample = false;
  EXPECT_THAT(sampling({}, llama2), testing::ElementsAre(0, 7, 0.75)) << "transformers takes the likeliest token";
  EXPECT_THAT(sampling({.temperature = 1}, llama2), testing::ElementsAre(1, 7, 0.75));
}

TEST(Generate, TheModelsLengthCountsThePromptAndTheCallersDoesNot) {
  const auto model = create_model(config_of(Position::alibi), 5);
  EXPECT_EQ(resolve_options({}, *model, 5).max_new_tokens, 256);
  model->generation.max_length = 20;
  model->generation.min_length = 9;
  EXPECT_EQ(resolve_options({}, *model, 5).max_new_tokens, 15);
  EXPECT_EQ(resolve_options({}, *model, 5).min_new_tokens, 4);
  EXPECT_EQ(resolve_options({.max_new_tokens = 40}, *model, 5).max_new_tokens, 40);
  EXPECT_THROW(resolve_options({}, *model, 20), Error);
  model->generation.max_new_tokens = 7;
  EXPECT_EQ(resolve_options({}, *model, 20).max_new_tokens, 7);
}

TEST(Generate, RotaryPositionsAreTrainedAsFarAsTheyAreStretched) {
  UniformConfig config = config_of(Position::rope);
  EXPECT_EQ(context_of(config), 0) << "the angles have no end";
  EXPECT_EQ(trained_length_of(config), kContext);
  config.rope.factor = 4;
  config.rope.original_max_positions = kContext;
  config.rope.scaling = RopeScaling::dynamic;
  EXPECT_EQ(trained_length_of(config), 0) << "it grows with the text";
  for (const RopeScaling scaling : {RopeScaling::linear, RopeScaling::yarn, RopeScaling::llama3}) {
    config.rope.scaling = scaling;
    EXPECT_EQ(context_of(config), 0);
    EXPECT_EQ(trained_length_of(config), 4 * kContext);
  }
  config.rope.original_max_positions = kContext / 8;
  EXPECT_EQ(trained_length_of(config), kContext) << "config.json says more";
  EXPECT_EQ(trained_length_of(config_of(Position::learned)), 0);
}

class GeneratorDirectory : public testing::Test {
 protected:
  GeneratorDirectory() { save(Position::learned); }
  void save(Position position) {
    const std::vector<std::string> texts{"the quick brown fox jumps over the lazy dog.\n"};
    const Tokenizer tokenizer = train_tokenizer({.pipeline = TokenizerPipeline::bytes}, texts);
    UniformConfig config = config_of(position);
    config.vocab_size = 260;  // the tokenizer's vocabulary, rounded up
    config.decoder_start_token_id = config.pad_token_id = tokenizer.token_to_id("<|endoftext|>");
    config.eos_token_ids = {config.pad_token_id};
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

TEST_F(GeneratorDirectory, RotaryPositionsAreNotCutAndWarnOnce) {
  save(Position::rope);
  const Generator generator = Generator::open(directory_.path());
  EXPECT_EQ(generator.context(), 0);
  testing::internal::CaptureStderr();
  generator.generate("the ", {.max_new_tokens = 4, .temperature = 0});
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  testing::internal::CaptureStderr();
  EXPECT_FALSE(generator.generate(std::string(17, 'x'), {.max_new_tokens = 1}).prompt_cut);
  generator.generate(std::string(17, 'x'), {.max_new_tokens = 1});
  const std::string warnings = testing::internal::GetCapturedStderr();
  EXPECT_THAT(warnings, testing::StartsWith("warning: the text has 1"));
  EXPECT_EQ(std::count(warnings.begin(), warnings.end(), '\n'), 1) << warnings;
}

TEST_F(GeneratorDirectory, AnEndTokenThatTheTokenizerDoesNotMarkEndsTheText) {
  const Generation whole = Generator::open(directory_.path()).generate("the ", {.max_new_tokens = 50, .seed = 4});
  const Tokenizer tokenizer = Tokenizer::load(directory_.path());
  size_t place = 5;
  while (place < whole.tokens.size() && tokenizer.token_to_id(whole.tokens[place]) < 0) ++place;
  ASSERT_LT(place, whole.tokens.size());
  const int32_t end = tokenizer.token_to_id(whole.tokens[place]);
  const auto model = load_model(directory_.path());
  model->config.eos_token_ids.push_back(end);
  save_model(*model, directory_.path());
  const Generation cut = Generator::open(directory_.path()).generate("the ", {.max_new_tokens = 50, .seed = 4});
  EXPECT_EQ(cut.end, GenerationEnd::end_of_text);
  EXPECT_LE(cut.tokens.size(), place);
  EXPECT_TRUE(std::equal(cut.tokens.begin(), cut.tokens.end(), whole.tokens.begin()));
}

TEST_F(GeneratorDirectory, UnknownCharactersOfThePromptAreCounted) {
  EXPECT_EQ(Generator::open(directory_.path()).generate("日本", {.max_new_tokens = 1}).prompt_unknown, 0) << "bytes know all";
  const Tokenizer characters =
      train_tokenizer({.pipeline = TokenizerPipeline::characters}, std::vector<std::string>{"the quick brown fox"});
  UniformConfig config = config_of(Position::learned);
  config.vocab_size = characters.vocab_size();
  TemporaryDirectory directory;
  save_model(*create_model(config, 3), directory.path());
  characters.save(directory.path());
  const Generator generator = Generator::open(directory.path());
  EXPECT_EQ(generator.generate("日本 the", {.max_new_tokens = 1}).prompt_unknown, 2);
  EXPECT_EQ(generator.generate("the", {.max_new_tokens = 1}).prompt_unknown, 0);
}

TEST_F(GeneratorDirectory, TheTypeOfTheFilesIsThatOfConfigOrOfTheWeights) {
  const auto opened = [&] { return activation_type(*load_model(directory_.path(), InferenceType::file)); };
  const auto write_dtype = [&](const char* dtype) {
    nlohmann::json config = nlohmann::json::parse(read_file(directory_ / "config.json"));
    config.erase("torch_dtype");
    config.erase("dtype");
    if (dtype) config["dtype"] = dtype;
    write_file_atomically(directory_ / "config.json", config.dump());
  };
  EXPECT_EQ(opened(), DType::f32);
  for (const auto& [name, dtype] : {std::pair{"bfloat16", DType::bf16}, {"float16", DType::f32}, {"torch.bfloat16", DType::bf16}}) {
    write_dtype(name);
    EXPECT_EQ(opened(), dtype) << name;
  }
  write_dtype(nullptr);
  EXPECT_EQ(opened(), DType::f32) << "that of the weights";
  EXPECT_EQ(activation_type(*load_model(directory_.path(), InferenceType::bf16)), DType::bf16);
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
  EXPECT_THAT(error({.max_new_tokens = 0}), HasSubstr("max_new_tokens 0"));
  EXPECT_THAT(error({.temperature = -1}), HasSubstr("temperature -1"));
  EXPECT_THAT(error({.top_p = 0}), HasSubstr("top_p 0"));
  EXPECT_THAT(error({.sample = -1}), HasSubstr("sample: -1 is too small; it must be at least 0"));
}

}  // namespace
}  // namespace qkv
