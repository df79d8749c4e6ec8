// Archives of NumPy arrays (numpy.savez), as Marian stores its weights.
#pragma once

#include <filesystem>

#include "io/tensor_file.h"

namespace qkv {

// The arrays under their names without ".npy". Those that are stored without compression are read where they lie in the file; what
// savez_compressed packed is unpacked into memory, at most 32 times the file (formats/zip_archive.h).
TensorFile open_npz(const std::filesystem::path& path);

}  // namespace qkv
