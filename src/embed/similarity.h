// Similarities of vectors; the public functions are in qkv/embedder.h.
#pragma once

#include <span>

#include "qkv/embedder.h"

namespace qkv {

double similarity_of(std::span<const float> a, std::span<const float> b, Similarity measure);

// nearest_neighbours() of qkv/embedder.h.
std::vector<std::vector<Neighbour>> find_neighbours(const Embeddings& queries, const Embeddings& among, int64_t k, Similarity measure,
                                                    const CancellationToken* cancellation);

}  // namespace qkv
