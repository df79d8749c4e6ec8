// Formulas in a part of TeX, written as MathML, which browsers typeset by themselves.
#pragma once

#include <string>
#include <string_view>

namespace qkv::lab {

// `display`: on lines of its own. Throws Error(internal) if the formula has a command that is not known here.
std::string to_mathml(std::string_view tex, bool display);

}  // namespace qkv::lab
