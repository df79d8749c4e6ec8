// The words for training a Unigram vocabulary, as numbers of characters, and the rules which characters may be together in a piece.
#pragma once

#include <unicode/uscript.h>

#include <cstdint>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "base/utf8.h"
#include "text/token_models/unigram_lattice.h"
#include "text/training/trainer_symbols.h"
#include "text/training/unigram_trainer.h"

namespace qkv {

// The words as numbers of characters, from 1; each word, or part of one, ends with a 0.
struct WordCorpus {
  struct Segment {
    uint32_t begin, length;
    uint64_t count;
  };
  std::vector<uint32_t> text;
  std::vector<Segment> segments;

  WordCorpus(std::span<const WordCount> words, const std::u32string& alphabet) {
    constexpr size_t kMost = UINT32_MAX - 1;  // places are 32-bit numbers
    std::unordered_map<char32_t, uint32_t> numbers;
    for (const char32_t c : alphabet) numbers.emplace(c, static_cast<uint32_t>(numbers.size() + 1));
    for (const auto& [word, count] : words) {
      if (text.size() + 2 * word.size() > kMost) {
        fail(ErrorCode::unsupported, "the text's different words have more than {} characters; train the tokenizer on a part of the text",
             kMost / 2);
      }
      auto begin = static_cast<uint32_t>(text.size());
      const auto end_segment = [&] {
        const auto length = static_cast<uint32_t>(text.size()) - begin;
        if (length > 0) {
          text.push_back(0);
          segments.push_back({begin, length, count});
        }
        begin = static_cast<uint32_t>(text.size());
      };
      for (size_t i = 0; i < word.size();) {
        const Character c = character_at(word, i);
        i += c.length;
        const auto found = numbers.find(c.code_point);
        if (found != numbers.end()) text.push_back(found->second);
        if (found == numbers.end() || text.size() - begin == UnigramLattice::kMaxLength) end_segment();
      }
      end_segment();
    }
  }
};

// Decides whether characters may be together in a piece.
class PieceRules {
 public:
  PieceRules(const std::u32string& alphabet, const UnigramTrainerOptions& options) : scripts_(alphabet.size() + 1, USCRIPT_COMMON) {
    const char32_t start = options.word_start.empty() ? 0 : character_at(options.word_start, 0).code_point;
    for (size_t i = 0; i < alphabet.size(); ++i) {
      if (alphabet[i] == start) word_start_ = static_cast<uint32_t>(i + 1);
      scripts_[i + 1] = options.script_boundaries ? script_of(alphabet[i]) : int{USCRIPT_INHERITED};
    }
  }

  bool allows(std::span<const uint32_t> piece) const {
    int script = USCRIPT_INHERITED;  // no particular one
    for (size_t i = 0; i < piece.size(); ++i) {
      if (piece[i] == word_start_) {
        if (i > 0) return false;
        continue;
      }
      const int here = scripts_[piece[i]];
      if (here == USCRIPT_INHERITED) continue;
      if (script != USCRIPT_INHERITED && script != here) return false;
      script = here;
    }
    return true;
  }

 private:
  // Kana count as Han, and so does the prolonged sound mark.
  static int script_of(char32_t c) {
    UErrorCode error = U_ZERO_ERROR;
    const UScriptCode script = uscript_getScript(static_cast<UChar32>(c), &error);
    return script == USCRIPT_HIRAGANA || script == USCRIPT_KATAKANA || c == 0x30FC ? int{USCRIPT_HAN} : int{script};
  }
  std::vector<int> scripts_;  // by the number of a character
  uint32_t word_start_ = UINT32_MAX;
};

}  // namespace qkv
