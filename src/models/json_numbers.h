// Writes floats in JSON in their shortest form: 0.1f as 0.1, not as the double 0.10000000149011612.
#pragma once

#include <fmt/format.h>

#include <cstdlib>

namespace qkv {

inline double shortest(float value) { return std::strtod(fmt::format("{}", value).c_str(), nullptr); }

}  // namespace qkv
