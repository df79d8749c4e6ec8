// The options of embedding texts as a table.
#pragma once

#include <span>

#include "base/option_table.h"
#include "qkv/embedder.h"
#include "qkv/reranker.h"

namespace qkv {

std::span<const TableOption<EmbedOptions>> embed_option_table();
std::span<const TableOption<OpenEmbedderOptions>> open_embedder_option_table();

std::span<const TableOption<RerankOptions>> rerank_option_table();

}  // namespace qkv
