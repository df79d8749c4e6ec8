// The files beside a model that say how its token vectors become the vector of a text, in the layout of sentence-transformers: modules.json
// with a directory per module, sentence_bert_config.json, config_sentence_transformers.json.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "kernels/params.h"
#include "qkv/embedder.h"

namespace qkv {

struct PoolingModule {
  std::vector<PoolingMode> modes;  // their results are concatenated
  bool include_prompt = true;      // false: tokens of the prompt are left out
  int64_t size = 0;                // columns of a token's vector; 0: not said
};

// activation(x W^T + b).
struct DenseModule {
  std::filesystem::path directory;  // of its weights, or a .gguf
  std::string tensor = "linear";    // its name there
  int64_t in = 0, out = 0;
  bool bias = true;
  Activation activation = Activation::tanh;
};

struct LayerNormModule {
  std::filesystem::path directory;
  int64_t size = 0;
};

struct NormalizeModule {};

using SentenceModule = std::variant<DenseModule, LayerNormModule, NormalizeModule>;

struct SentenceDescription {
  std::filesystem::path model;           // directory of config.json and the tokenizer
  std::optional<PoolingModule> pooling;  // nothing without modules.json
  std::vector<SentenceModule> modules;   // those after the pooling, in order
  int64_t max_tokens = 0;                // 0: not limited by these files
  bool lower_case = false;               // texts are lower-cased first
  bool keep_end = false;                 // texts that are too long lose their beginning
  std::vector<std::pair<std::string, std::string>> prompts;
  std::string default_prompt;  // a name in prompts; empty: none
  Similarity similarity = Similarity::cosine;
  int64_t truncate_dim = 0;  // 0: none
};

// Throws Error(unsupported) for modules and settings that qkv does not have, by name, and Error(bad_input) for paths that leave the
// directory, a missing pooling and other faults.
SentenceDescription read_sentence_files(const std::filesystem::path& directory);

// The value of GGUF's "pooling_type"; nothing if there is no pooling. `dense`: the file also holds the modules of gguf_dense(). What is
// then lost is named in a warning.
std::optional<uint32_t> gguf_pooling_type(const SentenceDescription& description, bool dense);
// The modules before the normalization, if GGUF can hold them: at most two without bias and activation, the tensors "dense_2" and
// "dense_3".
std::vector<DenseModule> gguf_dense(const SentenceDescription& description);

// "mean" for PoolingMode::mean: the names in Pooling's config.json.
const char* pooling_name(PoolingMode mode);

}  // namespace qkv
