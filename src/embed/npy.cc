#include "embed/npy.h"

#include <fmt/format.h>

namespace qkv {

// Version 1.0 of the format: magic, version, 2 bytes of length, a dictionary of Python padded to a multiple of 64 bytes.
std::string npy_header(int64_t rows, int64_t cols) {
  constexpr size_t kBefore = 10, kAligned = 64;
  std::string text = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  text.append((kAligned - (kBefore + text.size() + 1) % kAligned) % kAligned, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

}  // namespace qkv
