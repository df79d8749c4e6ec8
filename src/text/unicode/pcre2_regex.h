// The patterns of well-known tokenizers in PCRE2, whose compiled code is several times as fast as Oniguruma.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace qkv {

class Pcre2Regex {
 public:
  // `pattern` must be one of patterns::known() (split_patterns.h): only these are shown to match as in Oniguruma.
  explicit Pcre2Regex(std::string_view pattern);
  ~Pcre2Regex();

  // As Regex::find_all.
  void find_all(std::string_view text, const std::function<void(size_t begin, size_t end)>& found) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
