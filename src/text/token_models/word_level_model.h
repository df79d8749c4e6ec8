// Whole words as tokens; any other word is unknown.
#pragma once

#include <string>

#include "text/pipeline/pipeline.h"
#include "text/pipeline/vocabulary.h"
#include "text/token_models/unk_token.h"

namespace qkv {

class WordLevelModel final : public TokenModel {
 public:
  WordLevelModel(Vocabulary vocabulary, std::string unk_token) : vocabulary_(std::move(vocabulary)), unk_token_(std::move(unk_token)) {}

  void tokenize(std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const override {
    const int32_t id = vocabulary_.id(word);
    ids.push_back(id >= 0 ? id : id_of_unk(unk_token_, vocabulary_));
    if (spans) spans->push_back({0, word.size()});
  }
  void tokenize_as_text(std::string_view word, const std::vector<bool>& special, std::vector<int32_t>& ids,
                        std::vector<Span>* spans) const override {
    const int32_t id = vocabulary_.id(word);
    ids.push_back(id >= 0 && !special[static_cast<size_t>(id)] ? id : id_of_unk(unk_token_, vocabulary_));
    if (spans) spans->push_back({0, word.size()});
  }
  const Vocabulary& vocabulary() const override { return vocabulary_; }
  int32_t unknown_id() const override { return vocabulary_.id(unk_token_); }

 private:
  Vocabulary vocabulary_;
  std::string unk_token_;
};

}  // namespace qkv
