// The options of what encoders say of texts, as tables.
#pragma once

#include <span>

#include "base/option_table.h"
#include "qkv/chooser.h"
#include "qkv/classifier.h"
#include "qkv/mask_filler.h"
#include "qkv/question_answerer.h"
#include "qkv/tagger.h"

namespace qkv {

std::span<const TableOption<ClassifyOptions>> classify_option_table();
std::span<const TableOption<ChooseOptions>> choose_option_table();
std::span<const TableOption<TagOptions>> tag_option_table();
std::span<const TableOption<AnswerOptions>> answer_option_table();
std::span<const TableOption<FillMaskOptions>> fill_mask_option_table();

}  // namespace qkv
