// qkv::Translator of the public API.
#include <mutex>

#include "base/cancellation.h"
#include "base/error.h"
#include "decode/translator.h"
#include "models/generation_keys.h"

namespace qkv {

struct QKV_INTERNAL Translator::Impl {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
  TranslateOptions options;
  bool skip_too_long = false;
  std::mutex busy;  // one call at a time: each uses all threads
};

Translator::Translator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Translator::Translator(Translator&&) noexcept = default;
Translator& Translator::operator=(Translator&&) noexcept = default;
Translator::~Translator() = default;

Translator Translator::open(const std::filesystem::path& directory, const TranslatorOptions& chosen) {
  std::unique_ptr<Model> model = load_model(directory, chosen.dtype);
  Tokenizer tokenizer = Tokenizer::load(directory);
  TranslateOptions options = resolve_options(chosen, *model);
  check_translates(model->config);
  resolve_languages(chosen, *model, tokenizer, directory, options);
  options.warn_of_unknown = true;
  warn_of_unused_keys(model->generation, "qkv translate", false);
  return Translator(std::unique_ptr<Impl>(
      new Impl{std::move(model), std::move(tokenizer), std::move(options), chosen.skip_too_long && !chosen.truncate, {}}));
}

int64_t Translator::max_source_tokens() const { return impl_->model->config.max_position_embeddings; }

std::vector<Translation> Translator::translate(std::span<const std::string> texts, const TranslationCall& call) const {
  const std::lock_guard lock(impl_->busy);
  TranslateOptions options = impl_->options;
  options.first_line = call.first_line;
  options.on_progress = call.on_progress;
  options.search.on_step = [token = call.cancellation] { throw_if_cancelled(token); };
  std::vector<LongText> too_long;
  if (impl_->skip_too_long) options.too_long = &too_long;
  std::vector<Translation> translations = qkv::translate(impl_->model->network, impl_->tokenizer, texts, options);
  for (const LongText& each : too_long) translations[static_cast<size_t>(each.line - call.first_line)].too_long = each.tokens;
  return translations;
}

std::string Translator::translate(std::string_view text) const {
  const std::string copy(text);
  return std::move(translate(std::span(&copy, 1)).front().candidates.front().text);
}

}  // namespace qkv
