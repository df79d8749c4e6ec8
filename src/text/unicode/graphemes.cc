#include "text/unicode/graphemes.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "base/utf8.h"

namespace qkv {
namespace {

int break_class(char32_t c) { return u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_GRAPHEME_CLUSTER_BREAK); }

bool is_pictograph(char32_t c) { return u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_EXTENDED_PICTOGRAPHIC); }

// Indic_Conjunct_Break, a property newer than ICU's tables: in six scripts a virama joins two consonants.
enum class Conjunct { none, linker, consonant, extend };

Conjunct conjunct_class(char32_t c, int grapheme_class) {
  if (c < 0x300) return Conjunct::none;
  for (const char32_t virama : {0x94D, 0x9CD, 0xACD, 0xB4D, 0xC4D, 0xD4D}) {
    if (c == virama) return Conjunct::linker;
  }
  if (c >= 0x900 && c < 0xD80 && u_getIntPropertyValue(static_cast<UChar32>(c), UCHAR_INDIC_SYLLABIC_CATEGORY) == U_INSC_CONSONANT) {
    for (const UScriptCode script :
         {USCRIPT_DEVANAGARI, USCRIPT_BENGALI, USCRIPT_GUJARATI, USCRIPT_ORIYA, USCRIPT_TELUGU, USCRIPT_MALAYALAM}) {
      if (u_hasBinaryProperty(static_cast<UChar32>(c), UCHAR_ALPHABETIC) && uscript_hasScript(static_cast<UChar32>(c), script)) {
        return Conjunct::consonant;
      }
    }
  }
  return c != 0x200C && (grapheme_class == U_GCB_EXTEND || grapheme_class == U_GCB_ZWJ) ? Conjunct::extend : Conjunct::none;
}

// The state of a cluster that decides whether the next character still belongs to it.
class Cluster {
 public:
  explicit Cluster(char32_t first) { take(first, break_class(first)); }

  // Returns true and updates the state if the character belongs to the cluster (rules GB3 to GB13).
  bool continues_with(char32_t c) {
    const int kind = break_class(c);
    if (!joins(c, kind)) return false;
    take(c, kind);
    return true;
  }

 private:
  bool joins(char32_t c, int kind) const {
    const auto control = [](int k) { return k == U_GCB_CR || k == U_GCB_LF || k == U_GCB_CONTROL; };
    if (last_ == U_GCB_CR && kind == U_GCB_LF) return true;
    if (control(last_) || control(kind)) return false;
    if (last_ == U_GCB_L && (kind == U_GCB_L || kind == U_GCB_V || kind == U_GCB_LV || kind == U_GCB_LVT)) return true;
    if ((last_ == U_GCB_LV || last_ == U_GCB_V) && (kind == U_GCB_V || kind == U_GCB_T)) return true;
    if ((last_ == U_GCB_LVT || last_ == U_GCB_T) && kind == U_GCB_T) return true;
    if (kind == U_GCB_EXTEND || kind == U_GCB_ZWJ || kind == U_GCB_SPACING_MARK || last_ == U_GCB_PREPEND) return true;
    if (linked_ && conjunct_class(c, kind) == Conjunct::consonant) return true;
    if (last_ == U_GCB_ZWJ && pictograph_) return is_pictograph(c);
    return last_ == U_GCB_REGIONAL_INDICATOR && kind == U_GCB_REGIONAL_INDICATOR && indicators_ % 2 == 1;
  }

  void take(char32_t c, int kind) {
    pictograph_ = is_pictograph(c) || (pictograph_ && (kind == U_GCB_EXTEND || kind == U_GCB_ZWJ));
    indicators_ = kind == U_GCB_REGIONAL_INDICATOR ? indicators_ + 1 : 0;
    switch (conjunct_class(c, kind)) {
      case Conjunct::consonant:
        consonant_ = true;
        linked_ = false;
        break;
      case Conjunct::linker: linked_ = consonant_; break;
      case Conjunct::extend: break;
      case Conjunct::none: consonant_ = linked_ = false; break;
    }
    last_ = kind;
  }

  int last_ = U_GCB_OTHER;
  int indicators_ = 0;       // number of regional indicators at the end
  bool pictograph_ = false;  // a pictograph followed only by its extenders
  bool consonant_ = false, linked_ = false;
};

}  // namespace

size_t grapheme_end(std::string_view text, size_t begin) {
  Character c = character_at(text, begin);
  Cluster cluster(c.code_point);
  size_t end = begin + c.length;
  while (end < text.size()) {
    // Two ASCII characters only belong together as CR and LF.
    const bool ascii = static_cast<unsigned char>(text[end]) < 0x80 && static_cast<unsigned char>(text[end - 1]) < 0x80;
    if (ascii && text[end - 1] != '\r') return end;
    c = character_at(text, end);
    if (!cluster.continues_with(c.code_point)) return end;
    end += c.length;
  }
  return end;
}

}  // namespace qkv
