// Checks that the public classes make of a directory that they open.
#pragma once

#include <filesystem>

#include "models/model.h"
#include "qkv/tokenizer.h"

namespace qkv {

// Throws Error(bad_input) where the tokenizer has tokens that the model lacks.
void check_tokenizer_fits(const std::filesystem::path& directory, const Tokenizer& tokenizer, const TransformerConfig& config);

struct ClassifierParts {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
};
// Throws Error(unsupported) where the directory's model labels nothing.
ClassifierParts open_classifier(const std::filesystem::path& directory, InferenceType dtype);

}  // namespace qkv
