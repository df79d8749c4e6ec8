// The beams of one source, as in transformers' GenerationMixin._beam_search.
#pragma once

#include <algorithm>
#include <span>
#include <vector>

#include "decode/candidates.h"

namespace qkv {

class Beams {
 public:
  // `max_length`: for this source, overriding the options. `end_tokens`: each of them ends a hypothesis; kept by reference.
  Beams(const SearchOptions& options, int max_length, std::span<const int32_t> end_tokens);

  // An unfinished hypothesis. Its tokens are a path of nodes back to the decoder start.
  struct Running {
    float score;     // sum of log p
    int32_t node;    // node of the last token; -1: only the decoder start
    int32_t parent;  // index of the previous step's running hypothesis that it continues
  };
  const std::vector<Running>& running() const { return running_; }
  // Available after the first step.
  int32_t last_token(const Running& hypothesis) const { return nodes_[hypothesis.node].token; }
  bool done() const { return done_; }

  // Number of candidates per running hypothesis that advance() needs: at least (1 + number of end tokens) per beam, so that num_beams
  // hypotheses can continue even if the end tokens rank first in every beam.
  static int candidates_per_beam(int num_beams, size_t end_tokens) {
    return static_cast<int>(std::max<size_t>(2, 1 + end_tokens)) * num_beams;
  }

  // One step. `candidates`: those of running()[i] start at i * candidates_per_beam(); ids of -1 at the end of a list are ignored. `length`:
  // tokens of the running hypotheses before the step, including the decoder start.
  void advance(std::span<const Candidate> candidates, int length);

  // The best `count` finished hypotheses, best first.
  std::vector<Hypothesis> best(int count) const;

 private:
  struct Node {
    int32_t parent, token;
    float log_probability;
  };
  struct Finished {
    float score;
    int32_t node;
  };
  struct Continuation {
    float score;
    int32_t beam;
    Candidate next;
  };
  std::vector<Continuation> best_continuations(std::span<const Candidate> candidates) const;
  void finish(float score, int32_t node);
  bool cannot_improve(int generated) const;
  float normalized(float score, int generated) const;

  int num_beams_, max_length_;
  std::span<const int32_t> end_tokens_;
  float length_penalty_;
  EarlyStopping early_stopping_;
  bool done_ = false;
  std::vector<Node> nodes_;
  std::vector<Running> running_;    // best first
  std::vector<Finished> finished_;  // best first, at most num_beams_
};

}  // namespace qkv
