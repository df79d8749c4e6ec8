// qkv::Generator of the public API.
#include <mutex>
#include <utility>

#include "base/cancellation.h"
#include "base/log.h"
#include "decode/generator.h"
#include "decode/prompt.h"
#include "decode/text_stream.h"
#include "models/generation_keys.h"

namespace qkv {
struct QKV_INTERNAL Generator::Impl {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
  std::mutex busy;  // one call at a time: each uses all threads
  bool warned = false, warned_of_length = false;
};

Generator::Generator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Generator::Generator(Generator&&) noexcept = default;
Generator& Generator::operator=(Generator&&) noexcept = default;
Generator::~Generator() = default;

Generator Generator::open(const std::filesystem::path& directory, InferenceType type) {
  std::unique_ptr<Model> model = load_model(directory, type);
  if (model->config.has_encoder()) {
    fail(ErrorCode::unsupported, "{}: the model has an encoder; it {}", directory.string(), use_of(model->config));
  }
  return Generator(std::unique_ptr<Impl>(new Impl{std::move(model), Tokenizer::load(directory)}));
}

int64_t Generator::context() const { return context_of(impl_->model->config); }

double Generator::temperature(const GeneratorOptions& options) const {
  return resolve_sampling(options, impl_->model->generation).temperature;
}

Generation Generator::generate(std::string_view prompt, const GeneratorOptions& chosen,
                               const std::function<void(std::string_view text)>& on_text) const {
  const std::lock_guard lock(impl_->busy);
  const Tokenizer& tokenizer = impl_->tokenizer;
  const Model& model = *impl_->model;
  const EncodedPrompt encoded = encode_prompt(tokenizer, model.config, prompt, chosen.add_special_tokens);
  const std::vector<int32_t>& ids = encoded.ids;
  GenerateOptions options = resolve_options(chosen, model, std::ssize(ids));
  options.on_step = [token = chosen.cancellation] { throw_if_cancelled(token); };
  if (!std::exchange(impl_->warned, true)) warn_of_unused_keys(model.generation, "qkv generate", options.sampling.temperature > 0);
  Generation result;
  result.prompt_tokens = std::ssize(ids);
  result.prompt_cut = context_of(model.config) > 0 && std::ssize(ids) > context_of(model.config);
  result.prompt_unknown = encoded.unknown;
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
  const int64_t length = std::ssize(ids) + std::ssize(generated.ids), trained = trained_length_of(model.config);
  if (trained > 0 && length > trained && !std::exchange(impl_->warned_of_length, true)) {
    log_warning("the text has {} tokens, but the model is made for {}; what comes later may be worse", length, trained);
  }
  return result;
}

}  // namespace qkv
