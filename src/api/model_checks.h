// Model directories as the public classes open and check them.
#pragma once

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <string_view>

#include "models/model.h"
#include "qkv/tokenizer.h"

namespace qkv {

// Throws Error(bad_input) if the tokenizer has tokens that the model lacks.
void check_tokenizer_fits(const std::filesystem::path& directory, const Tokenizer& tokenizer, const TransformerConfig& config);

struct ModelParts {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
};
// Throws Error(unsupported) with what the model does not do if it has none of these heads: "labels no tokens".
ModelParts open_head(const std::filesystem::path& directory, InferenceType dtype, std::initializer_list<Head> heads,
                     std::string_view lacks);

// The number of tokens that a text may have beside special ones. Throws Error(bad_input) if there is no room.
int64_t room_for_text(const ModelParts& parts, const std::filesystem::path& directory);

}  // namespace qkv
