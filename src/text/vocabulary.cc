#include "text/vocabulary.h"

namespace qkv {

Vocabulary::Vocabulary(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {
  index_.reserve(tokens_.size());
  for (size_t id = 0; id < tokens_.size(); ++id) {
    if (!tokens_[id].empty()) index_.emplace(tokens_[id], static_cast<int32_t>(id));
  }
}

}  // namespace qkv
