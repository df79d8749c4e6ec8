#include "api/model_checks.h"

#include <algorithm>

#include "base/error.h"

namespace qkv {

void check_tokenizer_fits(const std::filesystem::path& directory, const Tokenizer& tokenizer, const TransformerConfig& config) {
  if (tokenizer.vocab_size() <= config.vocab_size) return;
  fail(ErrorCode::bad_input, "{}: tokenizer.json has {} tokens, the model {}; they do not belong together", directory.string(),
       tokenizer.vocab_size(), config.vocab_size);
}

ModelParts open_head(const std::filesystem::path& directory, InferenceType dtype, std::initializer_list<Head> heads,
                     std::string_view lacks) {
  ModelParts parts{load_model(directory, dtype), Tokenizer::load(directory)};
  const TransformerConfig& config = parts.model->config;
  if (!config.has_head() || std::ranges::find(heads, config.head) == heads.end())
    fail(ErrorCode::unsupported, "{}: the model {}; it {}", directory.string(), lacks, use_of(config));
  check_tokenizer_fits(directory, parts.tokenizer, config);
  return parts;
}

int64_t room_for_text(const ModelParts& parts, const std::filesystem::path& directory) {
  const int64_t positions = parts.model->config.max_position_embeddings, special = std::ssize(parts.tokenizer.encode(""));
  if (positions > special) return positions - special;
  fail(ErrorCode::bad_input, "{}: texts may have {} tokens, {} of them special ones, which leaves none for the text", directory.string(),
       positions, special);
}

}  // namespace qkv
