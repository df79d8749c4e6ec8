// qkv::Generator of the public API.
#include <algorithm>
#include <mutex>

#include "base/interrupt.h"
#include "decode/generator.h"
#include "decode/text_stream.h"
#include "decode/translator.h"
#include "models/model.h"

namespace qkv {
namespace {

// The token that ends a text: the model's, where the tokenizer has it as a special one. What stands for an ordinary word ends nothing.
int32_t end_token(const TransformerConfig& config, const Tokenizer& tokenizer) {
  return tokenizer.is_special(config.eos_token_id) ? config.eos_token_id : -1;
}

// The prompt's tokens with what the tokenizer's template puts before it; what it puts behind it would end the text.
std::vector<int32_t> encode_prompt(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view prompt) {
  const std::vector<int32_t> plain = tokenizer.encode(prompt, false);
  std::vector<int32_t> ids = tokenizer.encode(prompt);
  if (plain.empty()) {
    ids = {config.decoder_start_token_id};
  } else {
    const auto found = std::search(ids.begin(), ids.end(), plain.begin(), plain.end());
    if (found != ids.end()) ids.erase(found + std::ssize(plain), ids.end());
  }
  for (const int32_t id : ids) {
    if (id >= config.vocab_size) {
      fail(ErrorCode::bad_input, "token {} of tokenizer.json is outside the model's vocabulary of {}; they are not of the same model", id,
           config.vocab_size);
    }
  }
  return ids;
}

GenerateOptions resolve(const GeneratorOptions& chosen, const Model& model, const Tokenizer& tokenizer, bool bf16) {
  QKV_CHECK(chosen.max_new_tokens >= 1, "--max-new-tokens {} is too few; 1 is the least", chosen.max_new_tokens);
  QKV_CHECK(chosen.sample >= 0 && chosen.sample <= UINT32_MAX, "sample {} cannot be; possible: 0 to {}", chosen.sample, UINT32_MAX);
  GenerateOptions options;
  options.sampling = {chosen.temperature, chosen.top_k, chosen.top_p, model.generation.suppressed};
  validate(options.sampling);
  options.seed = static_cast<uint64_t>(chosen.seed);
  options.sample = static_cast<uint32_t>(chosen.sample);
  options.max_new_tokens = chosen.max_new_tokens;
  options.end_token = end_token(model.config, tokenizer);
  options.dtype = bf16 ? DType::bf16 : DType::f32;
  options.on_step = throw_if_interrupted;
  return options;
}

}  // namespace

struct Generator::Impl {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
  bool bf16;
  std::mutex busy;  // one call at a time: each uses all threads
};

Generator::Generator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

Generator Generator::open(const std::filesystem::path& directory, bool bf16) {
  std::unique_ptr<Model> model = load_model(directory, bf16 ? DType::bf16 : DType::f32);
  if (model->config.has_encoder()) {
    fail(ErrorCode::unsupported, "{}: the model has an encoder; it {}", directory.string(), use_of(model->config));
  }
  return Generator(std::unique_ptr<Impl>(new Impl{std::move(model), Tokenizer::load(directory), bf16, {}}));
}

int64_t Generator::context() const { return context_of(impl_->model->config); }

Generation Generator::generate(std::string_view prompt, const GeneratorOptions& chosen,
                               const std::function<void(std::string_view text)>& on_text) const {
  const std::lock_guard lock(impl_->busy);
  const Tokenizer& tokenizer = impl_->tokenizer;
  const Model& model = *impl_->model;
  const GenerateOptions options = resolve(chosen, model, tokenizer, impl_->bf16);
  const std::vector<int32_t> ids = encode_prompt(tokenizer, model.config, prompt);
  Generation result;
  result.prompt_tokens = std::ssize(ids);
  result.prompt_cut = context_of(model.config) > 0 && std::ssize(ids) > context_of(model.config);
  TextStream stream(tokenizer, ids);
  const auto show = [&](const std::string& text) {
    result.text += text;
    if (on_text && !text.empty()) on_text(text);
  };
  const GeneratedTokens generated = qkv::generate(model.network, ids, options, [&](int32_t id) {
    result.tokens.push_back(id < tokenizer.vocab_size() ? tokenizer.id_to_token(id) : fmt::format("<{}>", id));
    show(stream.push(id));
  });
  show(stream.finish());
  result.end = generated.end;
  return result;
}

}  // namespace qkv
