// What a terminal says about itself.
#pragma once

namespace qkv {

// Columns of the terminal behind `descriptor`; `unknown` where it is none or does not say.
int terminal_width(int descriptor, int unknown);

}  // namespace qkv
