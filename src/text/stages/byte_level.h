// Bytes written as visible characters, as GPT-2 does it (Radford et al. 2019, section 2.2): any text, whatever its bytes, becomes
// a string over 256 printable characters.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/pipeline/pipeline.h"

namespace qkv {

// add_prefix_space: a piece that does not start with a space gets one. use_regex: pieces are cut by GPT-2's pattern first.
std::unique_ptr<PreTokenizer> make_byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex);
std::unique_ptr<Normalizer> make_byte_level_normalizer();
std::unique_ptr<Decoder> make_byte_level_decoder();

// The 256 characters that stand for bytes, in the order of the bytes.
std::u32string byte_level_alphabet();

// Bytes written so.
std::string to_byte_level(std::string_view bytes);

}  // namespace qkv
