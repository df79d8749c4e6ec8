// Opens a GGUF file as the files of a model.
#pragma once

#include "models/model_files.h"

namespace qkv {

ModelFiles open_gguf_files(const std::filesystem::path& file);

}  // namespace qkv
