// Scores how well documents answer queries with a model that reads both at once: a language model whose "yes" and "no" are compared
// (Qwen3-Reranker; LogitScore of sentence-transformers), or an encoder with one label (CrossEncoder). A language model reads a pair as its
// chat template renders messages of the roles "query" and "document"; without such a template, in the words of Qwen3-Reranker. Thread
// safety: one Reranker may be used from any number of threads; its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

struct RerankPair {
  std::string query, document;
};

struct RerankOptions {
  // What makes a document relevant: the system's message of a chat template, or text before the query. Empty: the default prompt of
  // config_sentence_transformers.json, or else, for Qwen3-Reranker, that the document answers a web search.
  std::string instruction;
  bool logits = false;          // scores without the sigmoid function
  int64_t batch_tokens = 8192;  // tokens per batch, at least 1; a single pair may have more
  const CancellationToken* cancellation = nullptr;
};

struct RerankScores {
  std::vector<double> scores;  // 0 to 1 (with logits: any number), larger is better
  std::vector<bool> cut;       // documents with more tokens than the model takes beside the query, of which only the first ones were read
};

class QKV_API Reranker {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported if the model is neither kind.
  static Reranker open(const std::filesystem::path& directory, InferenceType dtype = InferenceType::f32);

  Reranker(Reranker&&) noexcept;
  Reranker& operator=(Reranker&&) noexcept;
  ~Reranker();

  int64_t max_tokens() const;  // largest number of tokens of a pair with all that the model reads around it

  // One score per pair in order. A score does not depend on the other pairs, bit for bit. Invalid UTF-8 is read as U+FFFD; special tokens
  // spelled out in texts are ordinary characters, unless a chat template changes the texts. Throws qkv::Error: OptionError
  // (invalid_argument) for options, bad_input for a query that leaves no room for a document, interrupted if it was cancelled.
  RerankScores score(std::span<const RerankPair> pairs, const RerankOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Reranker(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
