// Regular expressions as in the `tokenizers` library: Oniguruma, for whose syntax and classes tokenizer.json is written.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace qkv {

class OnigurumaRegex {
 public:
  // Throws Error(bad_input) that starts with `where` if Oniguruma rejects the pattern.
  OnigurumaRegex(const std::string& pattern, const std::string& where);
  ~OnigurumaRegex();

  // As Regex::find_all. Throws Error(bad_input) for a pattern that retries or nests endlessly, or takes hundreds of times as long as a word
  // pattern.
  void find_all(std::string_view text, const std::function<void(size_t begin, size_t end)>& found) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
