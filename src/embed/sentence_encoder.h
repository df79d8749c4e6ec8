// A model with the modules that make vectors of texts.
#pragma once

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "embed/module_weights.h"
#include "embed/sentence_files.h"
#include "models/model.h"
#include "qkv/embedder.h"
#include "qkv/tokenizer.h"

namespace qkv {

class SentenceEncoder {
 public:
  SentenceEncoder(const std::filesystem::path& directory, const OpenEmbedderOptions& options);

  const SentenceDescription& description() const { return description_; }
  int64_t size() const { return size_; }
  int64_t max_tokens() const { return max_tokens_; }
  Embeddings embed(std::span<const std::string> texts, const EmbedOptions& options) const;

 private:
  struct Inputs {
    std::vector<std::vector<int32_t>> ids;
    std::vector<bool> cut;
    int64_t prompt_tokens = 0;  // leading tokens that the pooling leaves out
  };
  // A module after the pooling, with its weights in f32.
  struct Stage {
    SentenceModule module;
    ModuleWeights weights;
  };
  void choose_pooling(PoolingMode chosen);
  void choose_length();
  void read_stages();
  const std::string& prompt_text(const EmbedOptions& options) const;
  Inputs encode(std::span<const std::string> texts, const std::string& prompt) const;
  std::vector<int32_t> encode_cut(const std::string& text) const;
  std::string prepared(const std::string& prompt, const std::string& text) const;
  // The vectors of some texts: [numbers, size()].
  std::vector<float> embed_batch(const Inputs& inputs, std::span<const int32_t> numbers) const;
  Tensor hidden_states(const Inputs& inputs, std::span<const int32_t> numbers) const;
  Tensor apply(const Stage& stage, const Tensor& rows) const;

  SentenceDescription description_;
  std::unique_ptr<Model> model_;
  Tokenizer tokenizer_;
  std::vector<std::string> special_tokens_;  // needed to lower-case texts
  std::vector<Stage> stages_;
  int64_t size_ = 0, max_tokens_ = 0;
};

}  // namespace qkv
