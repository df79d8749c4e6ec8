// Bytes written as visible characters as in GPT-2 (Radford et al. 2019, section 2.2): any byte string becomes a string over 256 printable
// characters.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "text/pipeline/pipeline.h"

namespace qkv {

// add_prefix_space: adds a space to a piece that does not start with one. use_regex: splits pieces by GPT-2's pattern first.
std::unique_ptr<PreTokenizer> make_byte_level_pre_tokenizer(bool add_prefix_space, bool use_regex);
std::unique_ptr<Normalizer> make_byte_level_normalizer();
std::unique_ptr<Decoder> make_byte_level_decoder();

// The 256 characters that represent bytes, in the order of the bytes.
std::u32string byte_level_alphabet();

// Bytes in that representation.
std::string to_byte_level(std::string_view bytes);

}  // namespace qkv
