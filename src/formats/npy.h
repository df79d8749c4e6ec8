// NumPy's file format for one array (numpy/lib/format.py): a magic number, a version and a Python dictionary before the values.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

// Everything before the values of a matrix of f32, which follow row by row in little-endian order. Version 1.0 of the format.
std::string npy_header(int64_t rows, int64_t cols);

struct NpyArray {
  std::string type;  // kind and bytes of an element: "f4", "i1", "b1"; numbers of more than one byte are little-endian
  bool fortran_order = false;
  std::vector<int64_t> shape;
  std::string_view values;  // exactly those of the shape
};

// Reads versions 1 to 3. Throws Error(bad_input) that names `file` for damage, Error(unsupported) for elements that are no numbers.
NpyArray parse_npy(std::string_view bytes, const std::string& file);

}  // namespace qkv
