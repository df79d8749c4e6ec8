// Checks of model directories that the public classes share.
#pragma once

#include <filesystem>

#include "models/model.h"
#include "qkv/tokenizer.h"

namespace qkv {

// Throws Error(bad_input) if the tokenizer has tokens that the model lacks.
void check_tokenizer_fits(const std::filesystem::path& directory, const Tokenizer& tokenizer, const TransformerConfig& config);

struct ClassifierParts {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
};
// Throws Error(unsupported) if the directory's model is not a classifier.
ClassifierParts open_classifier(const std::filesystem::path& directory, InferenceType dtype);

}  // namespace qkv
