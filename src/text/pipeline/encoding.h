// Encodings in the making: joining and truncating them, as the `tokenizers` library does it.
#pragma once

#include <string_view>
#include <vector>

#include "qkv/tokenizer.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

// The parts one after the other. Each combination of a part, or something overflowing from it, with the others becomes something
// overflowing from the whole.
EncodedText join(std::vector<EncodedText> parts);

// Cuts one or two texts down to truncation.max_length tokens together, `reserved` of which are for special tokens. Throws
// Error(invalid_argument) where that is not possible.
void truncate(std::vector<EncodedText>& texts, const Truncation& truncation, size_t reserved);

Encoding finished(const EncodedText& text);

}  // namespace qkv
