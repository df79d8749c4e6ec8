// qkv::Translator of the public API.
#include <mutex>

#include "decode/translator.h"

namespace qkv {

struct Translator::Impl {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
  TranslateOptions options;
  std::mutex busy;  // one call at a time: each uses all threads
};

Translator::Translator(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Translator::Translator(Translator&&) noexcept = default;
Translator& Translator::operator=(Translator&&) noexcept = default;
Translator::~Translator() = default;

Translator Translator::open(const std::filesystem::path& directory, const TranslatorOptions& options) {
  std::unique_ptr<Model> model = load_model(directory, options.dtype);
  TranslateOptions resolved = resolve_options(options, *model);
  return Translator(std::unique_ptr<Impl>(new Impl{std::move(model), Tokenizer::load(directory), std::move(resolved), {}}));
}

std::vector<Translation> Translator::translate(std::span<const std::string> texts) const {
  const std::lock_guard lock(impl_->busy);
  return qkv::translate(impl_->model->network, impl_->tokenizer, texts, impl_->options);
}

std::string Translator::translate(std::string_view text) const {
  const std::string copy(text);
  return std::move(translate(std::span(&copy, 1)).front().candidates.front().text);
}

}  // namespace qkv
