// A text as it came, and as valid UTF-8.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/utf8.h"

namespace qkv {

// A text as valid UTF-8, with a map from its bytes back to the original ones.
class ValidText {
 public:
  explicit ValidText(std::string_view text) : text_(text) {
    if (is_valid_utf8(text)) return;
    replaced_ = replace_invalid_utf8(text, &replacements_);
    text_ = replaced_;
  }
  ValidText(const ValidText&) = delete;
  ValidText& operator=(const ValidText&) = delete;

  std::string_view view() const { return text_; }
  // The place in the original text; `position` must be a character boundary.
  size_t original(size_t position) const {
    const auto after = std::upper_bound(replacements_.begin(), replacements_.end(), position,
                                        [](size_t value, const Utf8Replacement& replacement) { return value < replacement.end; });
    return after == replacements_.begin() ? position : position - (after - 1)->end + (after - 1)->source_end;
  }

 private:
  std::string replaced_;
  std::string_view text_;
  std::vector<Utf8Replacement> replacements_;
};

}  // namespace qkv
