// Partitioning of attention, common to all kernels: sequences, heads, and the keys that a query sees.
#pragma once

#include <algorithm>
#include <vector>

#include "base/parallel.h"
#include "kernels/params.h"

namespace qkv::cpu {

// A range of keys, [begin, end).
struct KeyRange {
  int64_t begin, end;
  int64_t size() const { return end - begin; }
};

// One sequence and one query head of an AttentionParams.
struct HeadOfSequence {
  int64_t size, queries, keys, query_row, query_column, key_column, group;
  int head;

  HeadOfSequence(const AttentionParams& p, int64_t segment, int query_head)
      : size(p.q.cols / p.num_heads),
        queries(p.queries.length[segment]),
        keys(p.keys.length[segment]),
        query_row(p.queries.begin[segment]),
        query_column(query_head * size),
        key_column(query_head / (p.num_heads / p.num_key_value_heads) * size),
        group(p.num_heads / p.num_key_value_heads),
        head(query_head) {}

  void set_head(int query_head) {
    head = query_head;
    query_column = query_head * size;
  }
  // The position of query i among the keys. The last query is at the last key.
  int64_t position(int64_t i) const { return i + keys - queries; }
  // The keys that query i sees.
  KeyRange visible(const AttentionParams& p, int64_t i) const {
    const int64_t at = position(i);
    const int64_t begin = p.window ? at - p.window + 1 : 0, end = p.causal ? at + 1 : p.window ? at + p.window : keys;
    return {std::clamp<int64_t>(begin, 0, keys), std::clamp<int64_t>(end, 0, keys)};
  }
  // The keys of `tile` that at least one of queries [first, last) sees. Both ends grow with the query.
  KeyRange visible(const AttentionParams& p, int64_t first, int64_t last, KeyRange tile) const {
    const int64_t begin = std::clamp(visible(p, first).begin, tile.begin, tile.end);
    return {begin, std::clamp(visible(p, last - 1).end, begin, tile.end)};
  }
};

// Queries [first, last) of all query heads that share a key/value head, so that a tile of keys is packed once for all of them.
struct ForwardTask {
  int64_t segment;
  int key_head;
  int64_t first, last;
};

// Splits the queries into tasks of about `rows` rows of scores over all heads of a group, in whole blocks of `block_rows` queries. A row's
// result does not depend on the partition.
inline std::vector<ForwardTask> forward_tasks(const AttentionParams& p, int64_t rows, int64_t block_rows) {
  const int64_t group = p.num_heads / p.num_key_value_heads;
  const int64_t queries = std::max(block_rows, rows / group / block_rows * block_rows);
  std::vector<ForwardTask> tasks;
  for (int64_t segment = 0; segment < p.queries.count; ++segment) {
    const int64_t length = p.queries.length[segment];
    for (int head = 0; head < p.num_key_value_heads; ++head) {
      for (int64_t first = 0; first < length; first += queries) tasks.push_back({segment, head, first, std::min(length, first + queries)});
    }
  }
  return tasks;
}

// Number of consecutive (sequence, head) units per task out of `count`. There must be enough tasks for all threads, but long runs are
// better: what a thread computes after the last unit of a task can only be guessed by the prefetcher.
inline int64_t units_per_task(int64_t count, int64_t heads) { return std::clamp<int64_t>(count / (16 * num_threads()), 1, 8 * heads); }
// The unit that the same thread probably computes after unit i, if a task has `run` units and threads take tasks in turn.
inline int64_t unit_after(int64_t i, int64_t run) { return (i + 1) % run == 0 ? i + 1 + (num_threads() - 1) * run : i + 1; }

}  // namespace qkv::cpu
