#include "decode/sequence.h"

#include <algorithm>

namespace qkv {

Sequence::Sequence(std::vector<int32_t> prompt, const StopRules& stop, const Draw& draw, KvCache::Table table,
                   std::shared_ptr<const KvCache::Table> source)
    : tokens_(std::move(prompt)),
      prompt_(std::ssize(tokens_)),
      stop_(stop),
      draw_(draw),
      table_(std::move(table)),
      source_(std::move(source)) {}

void Sequence::append(int32_t token) {
  tokens_.push_back(token);
  if (std::find(stop_.end_tokens.begin(), stop_.end_tokens.end(), token) != stop_.end_tokens.end()) {
    end_ = SequenceEnd::end_token;
  } else if (tokens_.size() >= stop_.max_tokens) {
    end_ = SequenceEnd::max_tokens;
  }
}

std::vector<History> histories_of(std::span<Sequence* const> batch) {
  std::vector<History> histories;
  for (const Sequence* each : batch) histories.push_back({each->tokens(), each->new_tokens()});
  return histories;
}

std::vector<Sequence*> pointers_to(std::span<Sequence> sequences) {
  std::vector<Sequence*> pointers;
  for (Sequence& each : sequences) pointers.push_back(&each);
  return pointers;
}

}  // namespace qkv
