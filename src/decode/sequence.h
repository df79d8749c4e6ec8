// A text that is being decoded: its tokens, what it has read, how its next token is drawn and when it ends.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "decode/kv_cache.h"
#include "decode/sampling.h"

namespace qkv {

struct StopRules {
  std::span<const int32_t> end_tokens;  // any of them ends the text; kept by reference
  size_t max_tokens = SIZE_MAX;         // of the text, its prompt included
};

enum class SequenceEnd : uint8_t { running, end_token, max_tokens };

// Made by Step::join and Step::fork, which must outlive it; it leaves the batch by not being fed any more, and gives its memory back when
// it is destroyed.
class Sequence {
 public:
  const std::vector<int32_t>& tokens() const { return tokens_; }  // the prompt and what was appended
  int64_t new_tokens() const { return std::ssize(tokens_) - prompt_; }
  SequenceEnd end() const { return end_; }
  // The place of its next draw.
  Draw draw() const { return {draw_.seed, draw_.sample, draw_.position + static_cast<uint32_t>(new_tokens())}; }

  // The next token; it is read by the next step. May end the sequence.
  void append(int32_t token);

  // Tokens whose keys and values are kept, and those that the next step reads.
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
  size_t first_ = 0;                              // the oldest token that is seen
  KvCache::Table table_;                          // rows of its tokens from the first_ on
  std::shared_ptr<const KvCache::Table> source_;  // rows of its source, shared with its forks
};

// Sequence::new_tokens() of each.
std::vector<int64_t> new_tokens_of(std::span<Sequence* const> batch);
// For Step::run.
std::vector<Sequence*> pointers_to(std::span<Sequence> sequences);

}  // namespace qkv
