// Rewrites a text character by character; used by several normalizers.
#pragma once

#include <string>
#include <string_view>

#include "base/utf8.h"
#include "text/pipeline/pipeline.h"
#include "text/stages/rewriter.h"
#include "text/unicode/unicode.h"

namespace qkv {

// Removes the characters of a class.
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

// Replaces each character of a class by one character.
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

// Applies a Unicode normal form and maintains the origins.
void normalize_unicode(NormalForm form, NormalizedText& text);

}  // namespace qkv
