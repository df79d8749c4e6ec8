// The part of qkv eval that scores lines against references.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/evaluator.h"
#include "qkv/translator.h"

namespace qkv {

struct EvalArguments {
  std::string model, source, hypothesis, output, tokenizer;
  std::vector<std::string> references, compared;
  TranslatorOptions options;
  ComparisonOptions comparison;  // with the options of scoring
  bool json = false;
  std::vector<std::string> text, classification, tags, choices;
  std::string document_separator, text_column, label_column, second_column;
  bool pairs = false;
  int64_t context = 0;
};

// Refuses options of decoding where no model translates. `allowed` is one that counts all the same; `mode` says what is done instead.
void refuse_decoding_options(const EvalArguments& arguments, std::string_view mode, std::string_view allowed = "");
// Scores --hypothesis, or the translations of --source with --model. Both print their results.
void eval_lines(EvalArguments& arguments);
// Compares the systems of --compare.
void compare_lines(EvalArguments& arguments);

}  // namespace qkv
