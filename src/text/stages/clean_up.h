// Removes spaces that tokenization put before punctuation and English contractions from decoded text ("it 's ." -> "it's."), as
// transformers does if tokenizer_config.json has "clean_up_tokenization_spaces".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qkv {

// True if a tokenizer_config.json asks for it. A BPE model needs a second key, because clean-up would remove spaces that the text had.
bool asks_for_clean_up(const std::string& config_json, bool model_is_bpe);

std::string clean_up(std::string_view text);

// Streaming clean-up: the outputs of push() and finish() together equal clean_up() of all parts together. Up to three characters per
// pattern wait for the next part.
class CleanUpStream {
 public:
  CleanUpStream();
  std::string push(std::string_view part);
  std::string finish();

 private:
  std::vector<std::string> pending_;  // by pattern: the end of its input that may begin a match
};

}  // namespace qkv
