// One-letter names of options: a letter means the same option in every command.
#pragma once

#include <string>

namespace qkv {

// "-o,--output" for "--output", as CLI11 takes names; an option without a letter as it is.
std::string with_letter(const std::string& option);

}  // namespace qkv
