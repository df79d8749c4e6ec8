#include "api/model_checks.h"

#include "base/error.h"

namespace qkv {

void check_tokenizer_fits(const std::filesystem::path& directory, const Tokenizer& tokenizer, const TransformerConfig& config) {
  if (tokenizer.vocab_size() <= config.vocab_size) return;
  fail(ErrorCode::bad_input, "{}: tokenizer.json has {} tokens, the model {}; they do not belong together", directory.string(),
       tokenizer.vocab_size(), config.vocab_size);
}

ClassifierParts open_classifier(const std::filesystem::path& directory, InferenceType dtype) {
  ClassifierParts parts{load_model(directory, dtype), Tokenizer::load(directory)};
  const TransformerConfig& config = parts.model->config;
  if (config.has_decoder() || config.head != Head::classification || config.label_kind == LabelKind::values)
    fail(ErrorCode::unsupported, "{}: the model labels no texts; it {}", directory.string(), use_of(config));
  check_tokenizer_fits(directory, parts.tokenizer, config);
  return parts;
}

}  // namespace qkv
