// The tokenizations of BLEU that sacreBLEU has without further packages.
#pragma once

#include <string>
#include <string_view>

#include "qkv/evaluator.h"

namespace qkv {

// The text with spaces between its tokens, as mteval-v13a's tokenization for Western languages cuts it. `text` is valid UTF-8.
std::string tokenize_13a(std::string_view text);

// The text with white space between its tokens. `text` is valid UTF-8.
std::string tokenize_for_bleu(std::string_view text, BleuTokenization tokenization);

}  // namespace qkv
