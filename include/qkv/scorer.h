// Probabilities that a model gives to texts: what `qkv score` does, for C++ programs. Language models score texts and continuations of
// prompts, encoder-decoders targets of sources, masked language models texts by their pseudo-log-likelihood (Salazar et al. 2020). Thread
// safety: one Scorer may be used from any number of threads; its calls run one after another, each on all threads that qkv may use.
#pragma once

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/inference_type.h"

namespace qkv {

struct ScoreInput {
  std::string text;
  std::optional<std::string> prompt;  // what precedes the text, or the source of an encoder-decoder, which needs one
};

struct ScoreOptions {
  bool start_token = false;     // begin texts with the model's start token where the tokenizer adds none, so that the first token is scored
  std::string source_language;  // of multilingual encoder-decoders, as in TranslatorOptions
  std::string target_language;  //
  int64_t batch_tokens = 8192;  // tokens computed at once, at least 1; a single text may have more
  const CancellationToken* cancellation = nullptr;
};

struct TokenScore {
  int32_t id = 0;
  std::string token;           // as in tokenizer.json
  double log_probability = 0;  // ln p of the token after what precedes it; of a masked model, between all others
};

struct TextScore {
  double log_probability = 0;      // sum over the tokens, in nats; 0 where there is none
  std::vector<TokenScore> tokens;  // those that were predicted: a text's first one is not where nothing precedes it
  int64_t bytes = 0;               // bytes of the scored text in UTF-8
  bool cut = false;                // the text did not fit into the model's context with all that precedes it (see Scorer::score)

  // exp of the mean of -ln p; nan without tokens.
  double perplexity() const { return std::exp(-log_probability / static_cast<double>(tokens.size())); }
  // Comparable between tokenizers; nan without bytes. End tokens that the tokenizer adds count as part of the text.
  double bits_per_byte() const { return -log_probability / std::log(2.0) / static_cast<double>(bytes); }
};

// What decides between choices: the sum of log-probabilities, or its mean over tokens or bytes.
enum class RankBy { sum, tokens, bytes };

enum class ScorerKind { language_model, encoder_decoder, masked_language_model };

class QKV_API Scorer {
 public:
  // Throws qkv::Error with one line that names the file and its fault; unsupported for models that predict no tokens.
  static Scorer open(const std::filesystem::path& model, InferenceType dtype = InferenceType::f32);

  Scorer(Scorer&&) noexcept;
  Scorer& operator=(Scorer&&) noexcept;
  ~Scorer();

  ScorerKind kind() const;
  int64_t context() const;  // tokens that the model sees at once; 0: unlimited

  // One score per input, in order. A score does not depend on the other inputs, bit for bit. Tokens are those of the tokenizer, special
  // ones included where it adds them (an end token is then scored like others; [CLS] and [SEP] are not hidden). With a prompt, prompt and
  // text are tokenized together, and the text's tokens are those from the first one on that the prompt alone does not have; a space between
  // them may stand at either side. What is longer than context() is read in windows of that length, each of which begins with the last
  // token of the one before; of a prompt, the end is kept. Longer inputs of encoder-decoders and masked models are an error. Throws
  // qkv::Error: OptionError (invalid_argument) for options, bad_input for inputs, with their number, interrupted if it was cancelled.
  std::vector<TextScore> score(std::span<const ScoreInput> inputs, const ScoreOptions& options = {}) const;

 private:
  struct Impl;
  QKV_INTERNAL explicit Scorer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// Numbers of the choices, best first; equal ones by number. A choice without tokens is last.
QKV_API std::vector<int64_t> rank_choices(std::span<const TextScore> choices, RankBy by = RankBy::sum);

}  // namespace qkv
