#include "text/stages/character_rewriting.h"

#include <unicode/normalizer2.h>
#include <unicode/unistr.h>

#include <algorithm>
#include <vector>

#include "text/unicode/icu_normalizer.h"

namespace qkv {
namespace {

// The algorithms of UAX 15 with a record, for each character, of its effect on the original text, which ICU's own functions do not provide.
// As in `tokenizers`, the records move with the characters through sorting and composition, and are applied in order afterwards.
class NormalizationChanges {
 public:
  NormalizationChanges(NormalForm form, std::string_view text)
      : normalizer_(icu_normalizer(form)), compose_(form == NormalForm::nfc || form == NormalForm::nfkc) {
    marks_.reserve(text.size());
    for (size_t i = 0; i < text.size();) {
      const Character c = character_at(text, i);
      decompose(c.code_point);
      i += c.length;
    }
    sort_run();
    if (compose_) compose();
  }

  const std::vector<Rewriter::Change>& changes() const { return marks_; }

 private:
  uint8_t class_of(char32_t c) const { return c < 0x300 ? 0 : normalizer_.getCombiningClass(static_cast<UChar32>(c)); }

  void push(char32_t c, int change) {
    if (class_of(c) == 0) {
      sort_run();
      marks_.push_back({c, change});
      run_begin_ = marks_.size();
    } else {
      marks_.push_back({c, change});
    }
  }

  void decompose(char32_t c) {
    icu::UnicodeString parts;
    if (c < 0x80 || !normalizer_.getDecomposition(static_cast<UChar32>(c), parts)) return push(c, 0);
    for (int32_t i = 0; i < parts.length(); i = parts.moveIndex32(i, 1)) push(static_cast<char32_t>(parts.char32At(i)), i == 0 ? 0 : 1);
  }

  // Sorts the marks since the last starter by their classes.
  void sort_run() {
    if (marks_.size() - run_begin_ < 2) return;
    std::stable_sort(marks_.begin() + static_cast<ptrdiff_t>(run_begin_), marks_.end(),
                     [this](const auto& a, const auto& b) { return class_of(a.character) < class_of(b.character); });
  }

  // Composes each starter with following characters that are not blocked by one of the same class. A composed character takes the places of
  // both.
  void compose() {
    constexpr size_t kNone = SIZE_MAX;
    size_t kept = 0, starter = kNone;
    int last_class = 0;  // of the last character kept since the starter; 0: none
    for (const Rewriter::Change mark : marks_) {
      const int mark_class = class_of(mark.character);
      if (starter != kNone && (last_class == 0 || last_class < mark_class)) {
        Rewriter::Change& first = marks_[starter];
        const UChar32 joined = normalizer_.composePair(static_cast<UChar32>(first.character), static_cast<UChar32>(mark.character));
        if (joined >= 0) {
          first = {static_cast<char32_t>(joined), first.change + mark.change - 1};
          continue;
        }
      }
      if (mark_class == 0) {
        starter = kept;
        last_class = 0;
      } else if (starter != kNone) {
        last_class = mark_class;
      }
      marks_[kept++] = mark;
    }
    marks_.resize(kept);
  }

  const icu::Normalizer2& normalizer_;
  bool compose_;
  std::vector<Rewriter::Change> marks_;
  size_t run_begin_ = 0;
};

}  // namespace

namespace {

void rewrite(NormalForm form, NormalizedText& text) {
  const NormalizationChanges changes(form, text.text);
  Rewriter rewriter(text);
  rewriter.apply(changes.changes());
  rewriter.finish(text);
}

// The size of the rewritten input's first character: its bytes and any that may be sorted among them or composed with them are rewritten.
size_t first_bytes_after(NormalForm form, const NormalizedText& text) {
  const std::string_view whole = text.text;
  size_t end = text.first_bytes;
  while (end < whole.size() && !icu_normalizer(form).hasBoundaryBefore(static_cast<UChar32>(character_at(whole, end).code_point))) {
    end += utf8_length(whole[end]);
  }
  if (is_ascii(whole.substr(0, end))) return text.first_bytes;
  NormalizedText front(whole.substr(0, end));
  front.first_bytes = text.first_bytes;
  rewrite(form, front);
  return front.first_bytes;
}

}  // namespace

void normalize_unicode(NormalForm form, NormalizedText& text) {
  if (is_ascii(text.text)) return;
  if (text.origin) return rewrite(form, text);
  if (text.first_bytes > 0) text.first_bytes = first_bytes_after(form, text);
  normalize_unicode(form, text.text);
}

}  // namespace qkv
