// `qkv embed --rerank`: how well documents answer queries.
#pragma once

#include <string>

#include "qkv/reranker.h"

namespace qkv {

// Prints a score for each line of stdin, which is a query, a tab and a document.
void print_relevance(const std::string& model, InferenceType dtype, const RerankOptions& options, bool json);

}  // namespace qkv
