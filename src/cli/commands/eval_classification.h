// qkv eval --classification, and what qkv classify shares with it.
#pragma once

#include <memory>
#include <string>

#include "models/model.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct Classifier {
  std::unique_ptr<Model> model;
  Tokenizer tokenizer;
};
// Throws Error(unsupported) where the directory's model labels nothing, Error(bad_input) where its tokenizer has more tokens than it.
Classifier load_classifier(const std::string& directory, InferenceType dtype);

// Prints loss and accuracy over a file of lines "text<TAB>label".
void eval_classification(const std::string& model, const std::string& file, InferenceType dtype, bool json);

}  // namespace qkv
