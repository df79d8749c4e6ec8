#include "text/stages/unicode_scripts.h"

#include <unicode/uchar.h>
#include <unicode/uscript.h>

#include "text/stages/splitting.h"

namespace qkv {
namespace {

constexpr int kAny = -1;  // belongs to the previous script

// The script of Unicode 9, with kana counted as Han; `tokenizers` uses that version's table.
int script_of(char32_t c) {
  if (c == ' ') return kAny;
  if (c == 0x30FC) return USCRIPT_HAN;                      // the prolonged sound mark
  if (c == 0x589 || c == 0x61C) return USCRIPT_COMMON;      // Armenian and Arabic in later versions
  if (c == 0x953 || c == 0x954) return USCRIPT_DEVANAGARI;  // inherited since Unicode 10
  UVersionInfo age;
  u_charAge(static_cast<UChar32>(c), age);
  if (age[0] == 0 || age[0] > 9) return kAny;
  UErrorCode status = U_ZERO_ERROR;
  const UScriptCode script = uscript_getScript(static_cast<UChar32>(c), &status);
  if (script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA) return USCRIPT_HAN;
  return script == USCRIPT_UNKNOWN ? kAny : script;
}

// Text before the first character that has a script is dropped, as in `tokenizers`.
class UnicodeScripts final : public PreTokenizer {
 public:
  void apply(PieceList& list) const override {
    split_pieces(list, SplitBehavior::removed, [](std::string_view text, std::vector<SplitPart>& parts) {
      int last = kAny;
      for (size_t i = 0; i < text.size();) {
        const Character c = character_at(text, i);
        const int script = script_of(c.code_point);
        if (i == 0 || (script != kAny && script != last)) parts.push_back({i, i, script == kAny});
        if (script != kAny) last = script;
        i += c.length;
        parts.back().end = i;
      }
    });
  }
};

}  // namespace

std::unique_ptr<PreTokenizer> make_unicode_scripts_pre_tokenizer() { return std::make_unique<UnicodeScripts>(); }

}  // namespace qkv
