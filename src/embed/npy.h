// NumPy's file format for a matrix of f32.
#pragma once

#include <cstdint>
#include <string>

namespace qkv {

// Everything before the values, which follow row by row in little-endian f32.
std::string npy_header(int64_t rows, int64_t cols);

}  // namespace qkv
