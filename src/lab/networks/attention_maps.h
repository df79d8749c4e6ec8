// Numbers that characterize attention maps. A map holds the weights of one sequence and head: [queries, keys], rows sum to 1.
#pragma once

#include <functional>
#include <vector>

#include "lab/networks/network.h"

namespace qkv::lab {

// exp of the entropy of the singular values as shares of their sum (Roy and Vetterli 2007): n for the identity, 1 if all rows are equal.
// The plain rank is uninformative: a causal softmax's map has full rank.
double effective_rank(const Tensor& map);

// Mean over the queries of the entropy of their weights, in nats.
double row_entropy(const Tensor& map);

// Mean over the queries of sum_j min(a_ij, b_ij): the share of weight that two heads put on the same tokens. 1: equal maps.
double overlap(const Tensor& a, const Tensor& b);

// Mean weight that a token puts on itself.
double diagonal_weight(const Tensor& map);

// (|S|^2 - |A|^2) / (|S|^2 + |A|^2) of a square matrix's symmetric and antisymmetric part, in the Frobenius norm, after subtracting its
// mean, which no softmax sees: 1 symmetric, -1 antisymmetric, 0 for random numbers.
double symmetry(const Tensor& scores);

// scale * q k^T of one sequence and head without a mask, [queries, keys].
Tensor score_matrix(const AttentionRecord& record, int64_t segment, int head);

// Calls look(record) for each layer's attention of a forward pass.
void look_at_attention(const Network& network, const TokenBatch& batch, const std::function<void(const AttentionRecord&)>& look);

// The maps of one sequence of a record, one for each head.
std::vector<Tensor> maps_of(const AttentionRecord& record, int64_t segment);

}  // namespace qkv::lab
