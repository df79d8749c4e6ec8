// Size of the terminal behind a file descriptor.
#pragma once

namespace qkv {

// Columns of the terminal behind `descriptor`; `unknown` where it is none or does not say.
int terminal_width(int descriptor, int unknown);

}  // namespace qkv
