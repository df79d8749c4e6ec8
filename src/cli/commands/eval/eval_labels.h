// The part of qkv eval that scores labels of texts and of words, and choices. All print their results.
#pragma once

#include "cli/commands/eval/eval_lines.h"

namespace qkv {

void eval_classification(const EvalArguments& arguments);
void eval_tags(const EvalArguments& arguments);
void eval_choices(const EvalArguments& arguments);

}  // namespace qkv
