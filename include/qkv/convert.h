// Writes a model as a Hugging Face directory: the C++ interface of `qkv convert`. Thread safety: functions may be called concurrently.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "qkv/export.h"

namespace qkv {

// The type of the weights in files. `file`: bf16 or f16 if the model's own weights have that type, else f32.
enum class WeightType : uint8_t { file, f32, bf16, f16 };

struct ConvertOptions {
  WeightType dtype = WeightType::file;
  int64_t max_shard_bytes = 5'000'000'000;  // at least 1; larger models are divided into files of at most this size, one tensor at least
};

struct ConvertedModel {
  std::string architecture;                            // class name of transformers: "MarianMTModel"
  int64_t parameters = 0;                              // number of learned values
  std::vector<std::pair<std::string, int64_t>> files;  // names and sizes in bytes, sorted by name
};

// Reads the model that `from` names and writes it to the new directory `to`: config.json, generation_config.json for models with a decoder,
// model.safetensors (or model-00001-of-0000N.safetensors and their index), the tokenizer, and for sentence encoders modules.json with what
// it names. `from` is a directory of Hugging Face with safetensors or pytorch_model.bin, one of Marian (decoder.yml, .npz), a file in
// either, a GGUF file, or a model's folder in the cache of the Hub. Values are rounded to nearest where the type is narrower. The directory
// appears as a whole or not at all; memory for the model's weights is needed once. Throws qkv::Error with one line: invalid_argument if
// `to` exists and is no empty directory, or if a value is too large for f16; unsupported or bad_input if the model cannot be opened; io if
// it cannot be read or written.
QKV_API ConvertedModel convert_model(const std::filesystem::path& from, const std::filesystem::path& to,
                                     const ConvertOptions& options = {});

}  // namespace qkv
