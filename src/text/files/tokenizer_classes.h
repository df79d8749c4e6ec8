// Which class of transformers' tokenizers AutoTokenizer takes for a directory.
#pragma once

#include <string>
#include <string_view>

namespace qkv {

// `named`: the class in tokenizer_config.json without "Fast", empty: none; `model_type`: of config.json, empty: none. The class decides
// where both contradict each other, except for kinds of models whose files are read as they stand ("TokenizersBackend") or always by one
// class. Empty: not known.
std::string resolved_tokenizer_class(const std::string& named, std::string_view model_type);

}  // namespace qkv
