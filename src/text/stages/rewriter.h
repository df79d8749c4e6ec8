// Rewrites a text front to back and tracks where each byte comes from, as the `tokenizers` library aligns its normalized strings. A
// replacement has the origin of the character it replaces, an insertion that of the character before it, and removed characters leave no
// trace.
#pragma once

#include <algorithm>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

class Rewriter {
 public:
  // The old text stays unchanged until finish().
  explicit Rewriter(const NormalizedText& text) : Rewriter(text.text, text.origin, text.first_bytes, text.input_begin, text.text.size()) {}
  // `capacity`: estimated bytes of the new text. Nothing may be inserted before the first character.
  Rewriter(const PieceList& list, size_t capacity) : Rewriter(list.text, list.origin, list.first_bytes, 0, capacity) {}

  bool done() const { return position_ == old_.size(); }
  size_t position() const { return position_; }  // in the old text: of the next byte
  Character next() const { return character_at(old_, position_); }
  size_t size() const { return text_.size(); }  // of the new text
  const std::string& text() const { return text_; }

  // Keeps, removes or replaces the next bytes, which must be whole characters.
  void keep(size_t bytes) {
    if (position_ < first_bytes_) count_first(position_, std::min(bytes, first_bytes_ - position_));
    text_.append(old_.substr(position_, bytes));
    if (old_origin_) origin_->insert(origin_->end(), old_origin_ + position_, old_origin_ + position_ + bytes);
    position_ += bytes;
  }
  void skip(size_t bytes) { position_ += bytes; }
  void replace(size_t bytes, std::string_view by) {
    prefix(by);
    position_ += bytes;
  }
  // Inserts text with the origin of the next character, which must exist.
  void prefix(std::string_view text) {
    count_first(position_, text.size());
    if (old_origin_) origin_->insert(origin_->end(), text.size(), old_origin_[position_]);
    text_.append(text);
  }
  // Inserts text with the origin of the previous character, whether that was kept or not.
  void insert(std::string_view text) {
    count_first(position_ > 0 ? position_ - 1 : 0, text.size());
    if (old_origin_) origin_->insert(origin_->end(), text.size(), position_ > 0 ? old_origin_[position_ - 1] : start());
    text_.append(text);
  }

  // A new character and its effect on the old text: 0 replaces the next character, -n replaces it and n more, 1 is inserted.
  struct Change {
    char32_t character;
    int change;
  };
  void apply(std::span<const Change> changes) {
    std::string bytes;
    for (const auto& [character, change] : changes) {
      bytes.clear();
      append_utf8(bytes, character);
      if (change > 0 || done()) {
        insert(bytes);
      } else {
        prefix(bytes);
        for (int i = 0; i <= -change && !done(); ++i) position_ += utf8_length(old_[position_]);
      }
    }
  }

  // Replaces the old text by the new one; whatever was not kept is dropped.
  void finish(NormalizedText& text) {
    text.text = std::move(text_);
    text.first_bytes = new_first_bytes_;
    text.origin = std::move(origin_);
  }
  void finish(PieceList& list) {
    list.text = std::move(text_);
    list.first_bytes = new_first_bytes_;
    list.origin = std::move(origin_);
  }

 private:
  Rewriter(std::string_view old, const Origin& origin, size_t first_bytes, size_t input_begin, size_t capacity)
      : old_(old), old_origin_(origin ? origin->data() : nullptr), first_bytes_(first_bytes), input_begin_(input_begin) {
    text_.reserve(capacity);
    if (origin) origin_.emplace().reserve(capacity);
  }

  Span start() const { return {input_begin_, input_begin_}; }
  // Call before bytes from byte `from` of the old text are written.
  void count_first(size_t from, size_t bytes) {
    if (from < first_bytes_ && new_first_bytes_ == text_.size()) new_first_bytes_ += bytes;
  }

  std::string_view old_;
  const Span* old_origin_;  // null: not wanted
  size_t first_bytes_, new_first_bytes_ = 0;
  size_t input_begin_;
  size_t position_ = 0;
  std::string text_;
  Origin origin_;
};

}  // namespace qkv
