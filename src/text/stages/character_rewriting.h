// Rewriting a text character by character, the common ground of several normalizers.
#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"
#include "text/pipeline/pipeline.h"
#include "text/stages/rewriter.h"
#include "text/unicode/unicode.h"

namespace qkv {

// Takes the characters of a class away.
template <typename IsGone>
void remove_characters(NormalizedText& text, IsGone&& is_gone) {
  Rewriter rewriter(text);
  bool any = false;
  while (!rewriter.done()) {
    const Character c = rewriter.next();
    if (is_gone(c.code_point)) {
      any = true;
      rewriter.skip(c.length);
    } else {
      rewriter.keep(c.length);
    }
  }
  if (any) rewriter.finish(text);
}

// Puts one character in the place of each of a class.
template <typename IsReplaced>
void replace_characters(NormalizedText& text, char32_t replacement, IsReplaced&& is_replaced) {
  std::string bytes;
  append_utf8(bytes, replacement);
  Rewriter rewriter(text);
  while (!rewriter.done()) {
    const Character c = rewriter.next();
    if (is_replaced(c.code_point)) {
      rewriter.replace(c.length, bytes);
    } else {
      rewriter.keep(c.length);
    }
  }
  rewriter.finish(text);
}

inline void write_lower_case(NormalizedText& text) {
  std::string lower;
  Rewriter rewriter(text);
  while (!rewriter.done()) {
    const Character c = rewriter.next();
    lower.clear();
    append_lower_case(lower, c.code_point);
    rewriter.replace(c.length, lower);
  }
  rewriter.finish(text);
}

// The Unicode normal form with the origins kept right.
void normalize_unicode(NormalForm form, NormalizedText& text);

}  // namespace qkv
