// A model that reads a query and a document together, and the number that it gives them.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "data/encoder_inputs.h"
#include "models/model.h"
#include "predict/pair_template.h"
#include "qkv/reranker.h"
#include "qkv/tokenizer.h"

namespace qkv {

class RelevanceModel {
 public:
  RelevanceModel(const std::filesystem::path& directory, InferenceType dtype);

  int64_t max_tokens() const { return max_tokens_; }
  RerankScores score(std::span<const RerankPair> pairs, const RerankOptions& options) const;

 private:
  void find_answers(const std::filesystem::path& directory);
  // Throws where the tokens of the query and what stands around it are as many as the model takes.
  void require_room(size_t tokens, size_t number) const;
  void add_rendered(const RerankPair& pair, size_t number, const std::string& prompt, EncoderInputs& inputs) const;
  void add_instructed(const RerankPair& pair, size_t number, const std::string& instruction, EncoderInputs& inputs) const;
  void add_pair(const RerankPair& pair, size_t number, EncoderInputs& inputs) const;
  // The logit of each pair: of yes less that of no, or of the one label.
  std::vector<double> answer_logits(const EncoderInputs& inputs, const RerankOptions& options) const;
  std::vector<double> label_logits(const EncoderInputs& inputs, const RerankOptions& options) const;

  std::unique_ptr<Model> model_;
  Tokenizer tokenizer_;
  PairFormat format_;
  std::optional<PairTemplate> template_;
  int32_t yes_ = -1, no_ = -1;  // no_ may be missing
  bool sigmoid_ = true;
  int64_t max_tokens_ = 0;
};

}  // namespace qkv
