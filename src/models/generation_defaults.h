// The settings of generation_config.json: decoding defaults for everything that the caller does not set.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qkv {

// transformers' early_stopping: when a source with num_beams finished hypotheses is done. `yes`: at once; `no`: when the best running
// hypothesis scores below all of them at its current length; `never`: when it would score below them even at max_length.
enum class EarlyStopping : uint8_t { no, yes, never };

// After `start` new tokens the score s of an end token grows by |s| * (factor^n - 1) at the n-th further token
// (exponential_decay_length_penalty).
struct ExponentialDecay {
  int start = 0;
  float factor = 1;
  bool operator==(const ExponentialDecay&) const = default;
};

// A key that changes the output of transformers and has no counterpart here. It is named in a warning and preserved when the model is
// saved.
struct UnusedKey {
  std::string key, json;
  bool sampling_only = false;  // without effect if the likeliest token is always chosen
  bool operator==(const UnusedKey&) const = default;
};

struct GenerationDefaults {
  std::optional<int> max_length;      // in tokens, including the decoder start or the prompt
  std::optional<int> max_new_tokens;  // new tokens only; overrides max_length
  int min_length = 0;                 // no end token before this length, counted as max_length
  std::optional<int> min_new_tokens;  // overrides min_length
  int num_beams = 4;
  float length_penalty = 1;
  EarlyStopping early_stopping = EarlyStopping::no;
  std::optional<int32_t> forced_bos_token_id;  // the first new token of a translation; empty: the likeliest token
  std::vector<int32_t> forced_eos_token_ids;   // at the maximum length the last token is one of these; empty: the likeliest token
  std::vector<int32_t> bad_words;              // bad_words_ids of one token: never produced, unless it is an end token
  std::vector<int32_t> suppress_tokens;        // never produced
  std::vector<int32_t> begin_suppress_tokens;  // never produced as the first new token
  std::optional<ExponentialDecay> exponential_decay_length_penalty;
  float repetition_penalty = 1;     // divisor of positive scores of tokens that the text has, factor of negative ones
  int no_repeat_ngram_size = 0;     // no sequence of this many tokens occurs twice; 0: it may
  bool renormalize_logits = false;  // beams: applies log softmax again after suppressing tokens
  // Sampling options of qkv generate; transformers uses them if do_sample is true.
  std::optional<bool> do_sample;
  std::optional<float> temperature, top_p;
  std::optional<int> top_k;
  float min_p = 0, typical_p = 1, epsilon_cutoff = 0, eta_cutoff = 0;  // SamplingOptions explains them

  std::string file;  // the file of these settings, for messages
  std::vector<UnusedKey> unused;
  bool operator==(const GenerationDefaults&) const = default;
};

}  // namespace qkv
