// The settings of single modules of sentence-transformers, each from the directory that modules.json names.
#pragma once

#include <filesystem>

#include "embed/sentence_files.h"

namespace qkv {

PoolingModule read_pooling(const std::filesystem::path& directory);
DenseModule read_dense(const std::filesystem::path& directory);
LayerNormModule read_layer_norm(const std::filesystem::path& directory);
NormalizeModule read_normalize(const std::filesystem::path& directory);
// sentence_bert_config.json (or the older names for other models) and tokenizer_config.json: how long a text may be, its lower case.
void read_transformer(const std::filesystem::path& directory, SentenceDescription& result);

}  // namespace qkv
