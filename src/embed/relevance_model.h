// A model that reads a query and a document together, and the number that it gives them.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <vector>

#include "models/model.h"
#include "qkv/reranker.h"
#include "qkv/tokenizer.h"

namespace qkv {

class RelevanceModel {
 public:
  RelevanceModel(const std::filesystem::path& directory, InferenceType dtype);

  int64_t max_tokens() const { return max_tokens_; }
  RerankScores score(std::span<const RerankPair> pairs, const RerankOptions& options) const;

 private:
  struct Inputs {
    std::vector<std::vector<int32_t>> ids, token_types;
    std::vector<bool> cut;
  };
  void find_answers(const std::filesystem::path& directory);
  void add_instructed(const RerankPair& pair, size_t number, const std::string& instruction, Inputs& inputs) const;
  void add_pair(const RerankPair& pair, size_t number, Inputs& inputs) const;
  // The logits of some pairs: of yes less that of no, or of the one label.
  std::vector<double> logits(const Inputs& inputs, std::span<const int32_t> numbers) const;

  std::unique_ptr<Model> model_;
  Tokenizer tokenizer_;
  int32_t yes_ = -1, no_ = -1;  // no_ may be missing
  bool sigmoid_ = true;
  int64_t max_tokens_ = 0;
};

}  // namespace qkv
