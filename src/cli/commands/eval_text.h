// qkv eval --text.
#pragma once

#include <cstdint>
#include <string>

#include "qkv/inference_type.h"

namespace qkv {

struct EvalTextArguments {
  std::string model, text;
  std::string document_separator;  // as it is written, with escapes
  int64_t context = 0;             // 0: the model's positions
  InferenceType dtype = InferenceType::f32;
  bool json = false;
};

// Prints loss, perplexity and bits per byte of the text, of a masked language model those of what is hidden.
void eval_text(const EvalTextArguments& arguments);

}  // namespace qkv
