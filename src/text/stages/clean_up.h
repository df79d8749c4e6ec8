// Spaces that tokenizing put before punctuation and English contractions are taken out of decoded text ("it 's ." -> "it's."), as
// transformers does it where tokenizer_config.json has "clean_up_tokenization_spaces".
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace qkv {

// Does a tokenizer_config.json ask for it? For a BPE model only with a second key, as it would take spaces away that the text had.
bool asks_for_clean_up(const std::string& config_json, bool model_is_bpe);

std::string clean_up(std::string_view text);

// The same for a text that comes in parts: what push() and finish() return is together clean_up() of all parts together. Up to three
// characters of each pattern wait for the next part.
class CleanUpStream {
 public:
  CleanUpStream();
  std::string push(std::string_view part);
  std::string finish();

 private:
  std::vector<std::string> pending_;  // by pattern: the end of its input that may be the start of a match
};

}  // namespace qkv
