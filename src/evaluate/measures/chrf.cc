#include "evaluate/measures/chrf.h"

#include <unordered_map>

#include "base/utf8.h"
#include "evaluate/measures/split_words.h"

namespace qkv {
namespace {

std::vector<uint32_t> characters_of(std::string_view text) {
  std::vector<uint32_t> characters;
  for (size_t i = 0; i < text.size();) {
    const size_t space = white_space_at(text, i);
    const Character c = character_at(text, i);
    if (space == 0) characters.push_back(c.code_point);
    i += c.length;
  }
  return characters;
}

bool is_ascii_punctuation(char c) {
  return c > ' ' && c < 0x7F && std::string_view("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~").find(c) != std::string_view::npos;
}

// Numbers for the words of a text. A word's punctuation mark at its end is a word of its own, or else one at its beginning.
class WordNumbers {
 public:
  std::vector<uint32_t> of(std::string_view text) {
    std::vector<uint32_t> numbers;
    for (const std::string_view word : split_words(text)) {
      if (word.size() == utf8_length(word.front())) {
        numbers.push_back(number(word));
      } else if (is_ascii_punctuation(word.back())) {
        numbers.push_back(number(word.substr(0, word.size() - 1)));
        numbers.push_back(number(word.substr(word.size() - 1)));
      } else if (is_ascii_punctuation(word.front())) {
        numbers.push_back(number(word.substr(0, 1)));
        numbers.push_back(number(word.substr(1)));
      } else {
        numbers.push_back(number(word));
      }
    }
    return numbers;
  }

 private:
  uint32_t number(std::string_view word) { return numbers_.try_emplace(word, static_cast<uint32_t>(numbers_.size())).first->second; }
  std::unordered_map<std::string_view, uint32_t> numbers_;
};

// A hypothesis' n-grams do not count where the reference is too short to have any.
NgramCounts without_unmatchable(NgramCounts counts) {
  for (size_t n = 0; n < kMaxNgram; ++n) {
    if (counts.reference[n] == 0) counts.hypothesis[n] = 0;
  }
  return counts;
}

// Precision and recall, added up over the orders that both sides have n-grams of.
struct Sums {
  double precision = 0, recall = 0;
  int orders = 0;
  void add(const NgramCounts& counts) {
    for (size_t n = 0; n < kMaxNgram; ++n) {
      if (counts.hypothesis[n] == 0 || counts.reference[n] == 0) continue;
      precision += static_cast<double>(counts.matches[n]) / static_cast<double>(counts.hypothesis[n]);
      recall += static_cast<double>(counts.matches[n]) / static_cast<double>(counts.reference[n]);
      ++orders;
    }
  }
};

}  // namespace

ChrfCounts ChrfCounter::count(std::string_view hypothesis, std::span<const std::string> references) {
  const std::vector<uint32_t> hypothesis_characters = characters_of(hypothesis);
  WordNumbers numbers;
  const std::vector<uint32_t> hypothesis_words = numbers.of(hypothesis);
  ChrfCounts best;
  double best_score = -1, best_score_with_words = -1;
  for (const std::string& reference : references) {
    const NgramCounts characters = without_unmatchable(characters_.count(hypothesis_characters, characters_of(reference)));
    const NgramCounts words = without_unmatchable(words_.count(hypothesis_words, numbers.of(reference)));
    if (const double score = chrf(characters); score > best_score) {
      best_score = score;
      best.characters = characters;
    }
    if (const double score = chrf(characters, words); score > best_score_with_words) {
      best_score_with_words = score;
      best.characters_beside_words = characters;
      best.words = words;
    }
  }
  return best;
}

double chrf(const NgramCounts& characters, const NgramCounts& words) {
  constexpr double kBetaSquared = 4;
  Sums sums;
  sums.add(characters);
  sums.add(words);
  if (sums.precision + sums.recall == 0) return 0;
  const double precision = sums.precision / sums.orders, recall = sums.recall / sums.orders;
  return 100 * ((1 + kBetaSquared) * precision * recall / (kBetaSquared * precision + recall));
}

}  // namespace qkv
