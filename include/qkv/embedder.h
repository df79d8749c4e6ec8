// Vectors of texts (sentence embeddings) from the directory of an encoder, or of a decoder alone, as sentence-transformers describes it:
// modules.json, 1_Pooling/config.json, sentence_bert_config.json, config_sentence_transformers.json. Thread safety: one Embedder may be
// used from any number of threads; its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

// How the vectors of a text's tokens become one.
enum class PoolingMode {
  automatic,             // as the directory says; without modules.json mean, or lasttoken for a decoder alone
  cls,                   // the first token
  max,                   // the largest value of each column
  mean,                  // the mean
  mean_sqrt_len_tokens,  // the sum divided by the root of the number of tokens
  weightedmean,          // the mean where token i counts i times, from 1
  lasttoken,             // the last token
};

enum class Similarity { cosine, dot, euclidean, manhattan };  // distances are negative, so that larger always means closer

struct OpenEmbedderOptions {
  InferenceType dtype = InferenceType::f32;
  PoolingMode pooling = PoolingMode::automatic;  // in place of the directory's
};

struct EmbedOptions {
  std::optional<std::string> prompt_name;  // one of Embedder::prompts(), put before each text; none: Embedder::default_prompt()
  int64_t truncate_dim = 0;                // keep the first values only; 0: as the directory says, or all
  bool normalize = false;                  // make vectors of length 1, after truncation
  int64_t batch_tokens = 8192;             // tokens per batch, at least 1; a single text may have more
  const CancellationToken* cancellation = nullptr;
  std::function<void(int64_t done)> on_progress;  // told now and then how many of the texts have their vector
};

struct Embeddings {
  int64_t size = 0;           // values per text
  std::vector<float> values;  // [texts][size]
  std::vector<bool> cut;      // texts with more tokens than the model takes, of which only the first ones were read

  int64_t count() const { return static_cast<int64_t>(cut.size()); }
  std::span<const float> row(int64_t text) const {
    return std::span<const float>(values).subspan(static_cast<size_t>(text * size), static_cast<size_t>(size));
  }
};

class QKV_API Embedder {
 public:
  // Throws qkv::Error with one line that names the file and its fault: unsupported for modules and settings that qkv does not have,
  // bad_input or io for files.
  static Embedder open(const std::filesystem::path& directory, const OpenEmbedderOptions& options = {});

  Embedder(Embedder&&) noexcept;
  Embedder& operator=(Embedder&&) noexcept;
  ~Embedder();

  int64_t size() const;                                                     // values of a vector without truncation
  int64_t max_tokens() const;                                               // largest number of tokens of a text, including special ones
  const std::vector<std::pair<std::string, std::string>>& prompts() const;  // names and texts
  const std::string& default_prompt() const;                                // a name in prompts(); empty: none
  Similarity similarity() const;                                            // the measure that the model was made for

  // One vector per text in order. A vector does not depend on the other texts, bit for bit. Invalid UTF-8 is read as U+FFFD; special tokens
  // spelled out in a text are special tokens, as in transformers. Throws qkv::Error: OptionError (invalid_argument) for options, bad_input
  // for a text without tokens, interrupted if it was cancelled.
  Embeddings embed(std::span<const std::string> texts, const EmbedOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Embedder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The similarity of row i of `a` and row i of `b`. Throws Error (invalid_argument) if their shapes differ.
QKV_API std::vector<double> pair_similarities(const Embeddings& a, const Embeddings& b, Similarity measure);

struct Neighbour {
  int64_t index = 0;  // row of `among`
  double similarity = 0;
};
// For each query the `k` most similar rows of `among` (all, if it has fewer), best first, equal ones by index.
QKV_API std::vector<std::vector<Neighbour>> nearest_neighbours(const Embeddings& queries, const Embeddings& among, int64_t k,
                                                               Similarity measure, const CancellationToken* cancellation = nullptr);

// Writes [texts][size] in f32 as NumPy's load() reads it. The write is atomic.
QKV_API void write_npy(const std::filesystem::path& path, const Embeddings& embeddings);

}  // namespace qkv
