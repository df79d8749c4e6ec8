// Writes a model as a Hugging Face directory or a GGUF file: the C++ interface of `qkv convert`. Thread safety: functions may be called
// concurrently.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "qkv/export.h"

namespace qkv {

// The type of the weights in files. `file`: bf16 or f16 if the model's own weights have that type, else f32. q8_0 and q4_0: blocks of 32
// values with one scale, as ggml quantizes them; in GGUF files only.
enum class WeightType : uint8_t { file, f32, bf16, f16, q8_0, q4_0 };

struct ConvertOptions {
  WeightType dtype = WeightType::file;
  int64_t max_shard_bytes =
      5'000'000'000;  // at least 1; larger models are divided into files of at most this size, one tensor at least; not for GGUF
};

struct ConvertedModel {
  std::string architecture;                            // class name that is written: "MarianMTModel"
  int64_t parameters = 0;                              // number of learned values
  std::vector<std::pair<std::string, int64_t>> files;  // names and sizes in bytes, sorted by name
};

// Reads the model that `from` names and writes it to `to`. `from` is a directory of Hugging Face with safetensors or pytorch_model.bin, one
// of Marian (decoder.yml, .npz), a file in either, a GGUF file, or a model's folder in the cache of the Hub. Values are rounded to nearest
// where the type is narrower. The result appears as a whole or not at all; memory for the model's weights is needed once.
//
// A name that ends in ".gguf" is a new file of llama.cpp's format: a decoder or BERT with its settings, special tokens, tokenizer, chat
// templates and pooling. Matrices have the type of the options, vectors and tables of positions f32; in quantized files, matrices whose
// rows do not divide into blocks of 32 are f16. A tokenizer that GGUF cannot hold is left out with a warning, and so are an encoder's
// pooler and head for masked tokens. Any other name is a new directory: config.json, generation_config.json for models with a decoder,
// model.safetensors (or model-00001-of-0000N.safetensors and their index), the tokenizer, and for sentence encoders modules.json with what
// it names.
//
// Throws qkv::Error with one line: invalid_argument if `to` exists and is no empty directory, or if a value is too large for the type;
// unsupported or bad_input if the model cannot be opened or GGUF has no key for one of its settings; io if it cannot be read or written.
QKV_API ConvertedModel convert_model(const std::filesystem::path& from, const std::filesystem::path& to,
                                     const ConvertOptions& options = {});

}  // namespace qkv
