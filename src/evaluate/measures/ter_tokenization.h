// Tercom's tokenization as sacreBLEU has it.
#pragma once

#include <string>
#include <string_view>

#include "qkv/evaluator.h"

namespace qkv {

// The words with one space between them. `text` is valid UTF-8; the members of `options` that begin with ter_ count.
std::string tokenize_for_ter(std::string_view text, const ScoringOptions& options);

}  // namespace qkv
