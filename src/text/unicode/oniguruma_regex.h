// Regular expressions as the `tokenizers` library reads them: by Oniguruma, whose syntax and classes tokenizer.json is written for.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace qkv {

class OnigurumaRegex {
 public:
  // Throws Error(bad_input) that starts with `where` for a pattern that Oniguruma does not read.
  OnigurumaRegex(const std::string& pattern, const std::string& where);
  ~OnigurumaRegex();

  // As Regex::find_all. Throws Error(bad_input) for a pattern that retries or nests without end, or takes hundreds of times as long as a
  // pattern of words does.
  void find_all(std::string_view text, const std::function<void(size_t begin, size_t end)>& found) const;

  struct Impl;

 private:
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
