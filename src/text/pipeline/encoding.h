// Joins and truncates encodings as the `tokenizers` library does.
#pragma once

#include <string_view>
#include <vector>

#include "qkv/tokenizer.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

// Concatenates the parts. Each combination of a part, or one of its overflows, with the others becomes an overflow of the whole.
EncodedText join(std::vector<EncodedText> parts);

// Truncates one or two texts to truncation.max_length tokens together, `reserved` of which are for special tokens. Throws
// Error(invalid_argument) if that is impossible.
void truncate(std::vector<EncodedText>& texts, const Truncation& truncation, size_t reserved);

Encoding finished(const EncodedText& text);

}  // namespace qkv
