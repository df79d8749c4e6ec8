// The settings in generation_config.json: how to decode where the caller does not say.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace qkv {

// When a source with num_beams finished hypotheses is done, as transformers' early_stopping: `yes`: at once; `no`: when the best running
// hypothesis scores below all of them at its present length; `never`: when it would at max_length too.
enum class EarlyStopping : uint8_t { no, yes, never };

// Behind `start` new tokens an end token's score s grows by |s| * (factor^n - 1) at the n-th token from there
// (exponential_decay_length_penalty).
struct ExponentialDecay {
  int start = 0;
  float factor = 1;
  bool operator==(const ExponentialDecay&) const = default;
};

// A key that changes what transformers generates and has no counterpart here. It is named in a warning, and written again when the model
// is saved.
struct UnusedKey {
  std::string key, json;
  bool sampling_only = false;  // changes nothing where the likeliest token is always taken
  bool operator==(const UnusedKey&) const = default;
};

struct GenerationDefaults {
  std::optional<int> max_length;      // tokens, the decoder start or the prompt included
  std::optional<int> max_new_tokens;  // the new ones; comes before max_length
  int min_length = 0;                 // no end before, counted as max_length
  std::optional<int> min_new_tokens;  // comes before min_length
  int num_beams = 4;
  float length_penalty = 1;
  EarlyStopping early_stopping = EarlyStopping::no;
  std::vector<int32_t> forced_eos_token_ids;   // one of them is the last token at the maximum length; empty: whatever is likeliest
  std::vector<int32_t> bad_words;              // bad_words_ids of one token: never produced, except where one ends a text
  std::vector<int32_t> suppress_tokens;        // never produced
  std::vector<int32_t> begin_suppress_tokens;  // not produced as the first new token
  std::optional<ExponentialDecay> exponential_decay_length_penalty;
  bool renormalize_logits = false;  // beams: log softmax again after tokens were suppressed
  // How qkv generate draws; transformers looks at these where do_sample is true.
  std::optional<bool> do_sample;
  std::optional<float> temperature, top_p;
  std::optional<int> top_k;

  std::string file;  // that says all this, for messages
  std::vector<UnusedKey> unused;
  bool operator==(const GenerationDefaults&) const = default;
};

}  // namespace qkv
