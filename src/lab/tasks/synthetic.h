// Small rule-based tasks with known answers, which show a network's abilities independently of what it has read.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/philox.h"
#include "lab/networks/network.h"
#include "qkv/cancellation.h"

namespace qkv::lab {

// Sequences and the target at each row; -1: none.
struct Batch {
  TokenBatch input;
  std::vector<int32_t> targets;
};

enum class Task : uint8_t {
  copy,      // a sequence, a mark, and the sequence again
  reverse,   // … in reverse order
  sort,      // … its symbols in ascending order
  left,      // … each symbol's left neighbour; never continued
  recall,    // pairs of key and value, then keys in another order: the value of each (associative recall, Ba et al. 2016, section 4.1)
  distant,   // a value, other symbols, and a mark `length` tokens behind it: the value (drawn so that the logarithm is uniform)
  brackets,  // nested brackets of `symbols` / 2 kinds: the kind of a closing bracket (Dyck language)
  cycle,     // one token of each of `length` ids, in any order, each with a value: the value at the next id, round the cycle. Each value is
             // drawn from `symbols` / `length`; the token is their number times the id, plus the value
};

struct TaskOptions {
  Task task = Task::copy;
  int symbols = 16;                 // ids 0 to symbols - 1; the mark is `symbols`
  int min_length = 4, length = 16;  // of the sequence (pairs for recall), drawn from [min_length, length]
  // True: the answer follows the sequence and is predicted token by token. False (copy, reverse, sort and left only): only the sequence,
  // with the answer's token i at its row i, for a network that sees all of it.
  bool continued = true;
};

int vocabulary(const TaskOptions& options);
int longest(const TaskOptions& options);  // tokens of the longest sequence

// Equal streams give equal batches.
Batch make_batch(const TaskOptions& options, int64_t sequences, RandomStream random);
// Streams of training batches are identified by their step; the streams below never coincide with them.
inline RandomStream training_stream(uint64_t seed, int64_t step) { return RandomStream(seed, static_cast<uint32_t>(step)); }
inline RandomStream test_stream(uint64_t seed, int64_t index) { return RandomStream(seed, 0x80000000u + static_cast<uint32_t>(index)); }

struct Judgement {
  double loss = 0;      // mean -log p of the targets, in nats
  double accuracy = 0;  // share of the targets that have the highest score
  int64_t targets = 0;
};
// Evaluates batches 0 to `count` - 1.
Judgement judge(const CancellationToken* cancellation, const Network& network, int64_t count, const std::function<Batch(int64_t)>& batch,
                DType dtype = DType::f32);

}  // namespace qkv::lab
