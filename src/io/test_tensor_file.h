// Helpers that the tests of tensor files share.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "io/tensor_file.h"

namespace qkv {

// The files of tools/golden/weight_files.py.
inline const std::filesystem::path kWeightFiles = std::filesystem::path(QKV_SOURCE_DIR) / "tests/goldens/weight_files";

inline std::vector<float> values_of(const TensorFile& file, const std::string& name) {
  const Tensor out = Tensor::empty(file.entries().at(name).shape, DType::f32);
  file.read(name, out);
  return {out.host<float>(), out.host<float>() + out.numel()};  // of a scalar, too
}

// The error of a file with this content; empty if it opens and every tensor can be read.
inline std::string error_of(TensorFile (*open)(const std::filesystem::path&), const std::filesystem::path& path,
                            const std::string& content) {
  std::ofstream(path, std::ios::binary) << content;
  try {
    const TensorFile file = open(path);
    for (const auto& [name, tensor] : file.entries()) values_of(file, name);
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    EXPECT_NE(error.code(), ErrorCode::internal) << error.what();
    return error.what();
  }
  return "";
}

}  // namespace qkv
