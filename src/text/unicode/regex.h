// Regular expressions of tokenizer.json, which are written for Oniguruma.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace qkv {

class Regex {
 public:
  // Throws Error(bad_input) that starts with `where` if the pattern cannot be compiled.
  Regex(const std::string& pattern, const std::string& where);
  // Matches the text literally.
  static Regex literal(const std::string& text);
  ~Regex();
  Regex(Regex&&) noexcept;
  Regex& operator=(Regex&&) noexcept;

  // Calls found(begin, end) for each match in valid UTF-8, left to right, without overlaps; an empty text has none. May be called from
  // several threads. Throws Error(bad_input) if matching takes too long or too much memory.
  void find_all(std::string_view text, const std::function<void(size_t begin, size_t end)>& found) const;

 private:
  Regex();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
