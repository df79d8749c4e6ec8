// A text being decoded: its tokens, how many of them were read, how its next token is drawn and when it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/kv_cache.h"
#include "decode/logits_processors/logits_processor.h"
#include "decode/sampling.h"

namespace qkv {

struct StopRules {
  std::span<const int32_t> end_tokens;  // each of them ends the text; kept by reference
  size_t max_tokens = SIZE_MAX;         // maximum length, including the prompt
};

enum class SequenceEnd : uint8_t { running, end_token, max_tokens };

// Created by Step::join and Step::fork; the Step must outlive it. A sequence leaves the batch when it is no longer passed to Step::run, and
// its memory is released on destruction.
class Sequence {
 public:
  const std::vector<int32_t>& tokens() const { return tokens_; }  // the prompt and the appended tokens
  int64_t new_tokens() const { return std::ssize(tokens_) - prompt_; }
  SequenceEnd end() const { return end_; }
  // The position of the next random draw.
  Draw draw() const { return {draw_.seed, draw_.sample, draw_.position + static_cast<uint32_t>(new_tokens())}; }

  // Adds the next token, which the next step reads. May end the sequence.
  void append(int32_t token);

  // Numbers of tokens whose keys and values are cached, and of tokens that the next step will read.
  size_t read_tokens() const { return static_cast<size_t>(table_.length()); }
  size_t unread_tokens() const { return tokens_.size() - first_ - read_tokens(); }

 private:
  friend class Step;
  Sequence(std::vector<int32_t> prompt, const StopRules& stop, const Draw& draw, KvCache::Table table,
           std::shared_ptr<const KvCache::Table> source);

  std::vector<int32_t> tokens_;
  int64_t prompt_;
  StopRules stop_;
  Draw draw_;
  SequenceEnd end_ = SequenceEnd::running;
  size_t first_ = 0;                              // index of the oldest visible token
  KvCache::Table table_;                          // cached rows of its tokens, starting with first_
  std::shared_ptr<const KvCache::Table> source_;  // cached rows of its source, shared with its forks
};

// The history of each sequence for the logits processors; valid until a sequence changes.
std::vector<History> histories_of(std::span<Sequence* const> batch);
// Pointers for Step::run.
std::vector<Sequence*> pointers_to(std::span<Sequence> sequences);

}  // namespace qkv
