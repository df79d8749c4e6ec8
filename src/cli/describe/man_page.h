// Manual pages in roff.
#pragma once

#include <string>

#include "cli/describe/command_text.h"

namespace qkv {

// "qkv-tokenizer-train" of "qkv tokenizer train".
std::string man_name(const CommandText& command);

// The page of section 1. `parent`: the command above, or null.
std::string man_page(const CommandText& command, const CommandText* parent);

}  // namespace qkv
