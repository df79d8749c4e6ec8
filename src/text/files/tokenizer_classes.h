// The tokenizer class that transformers' AutoTokenizer selects for a directory.
#pragma once

#include <string>
#include <string_view>

namespace qkv {

// `named`: the class in tokenizer_config.json without "Fast"; empty: none. `model_type`: from config.json; empty: none. The class decides
// if both contradict each other, except for model types whose files are read unchanged ("TokenizersBackend") or always by one class.
// Returns an empty string if unknown.
std::string resolved_tokenizer_class(const std::string& named, std::string_view model_type);

}  // namespace qkv
