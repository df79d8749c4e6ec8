// Splits where the script changes, as SentencePiece's trainer does.
#pragma once

#include <memory>

#include "text/pipeline/pipeline.h"

namespace qkv {

std::unique_ptr<PreTokenizer> make_unicode_scripts_pre_tokenizer();

}  // namespace qkv
