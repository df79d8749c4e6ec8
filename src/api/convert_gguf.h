// Writes a model with its tokenizer as a GGUF file.
#pragma once

#include "models/model.h"
#include "qkv/convert.h"

namespace qkv {

bool is_gguf_name(const std::filesystem::path& path);

// `from`: where the tokenizer and the files of sentence encoders are; `type`: as in models/gguf/write_gguf_model.h.
void convert_to_gguf(const Model& model, const std::filesystem::path& from, std::string_view type, const std::filesystem::path& to);

}  // namespace qkv
