#include "text/training/trainer_symbols.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/utf8.h"

namespace qkv {
namespace {

template <typename Each>
void for_each_character(std::string_view word, Each&& each) {
  for (size_t i = 0; i < word.size();) {
    const Character c = character_at(word, i);
    each(c.code_point, i);
    i += c.length;
  }
}

std::string utf8_of(char32_t c) {
  std::string text;
  append_utf8(text, c);
  return text;
}

}  // namespace

std::u32string choose_alphabet(std::span<const WordCount> words, const LearnOptions& options) {
  std::map<char32_t, uint64_t> counts;
  uint64_t total = 0;
  for (const auto& [word, count] : words) {
    for_each_character(word, [&, count = count](char32_t c, size_t) {
      counts[c] += count;
      total += count;
    });
  }
  for (const char32_t c : options.initial_alphabet) counts[c] = UINT64_MAX;
  std::vector<std::pair<char32_t, uint64_t>> kept(counts.begin(), counts.end());
  if (kept.size() > options.limit_alphabet || options.character_coverage < 1) {
    std::stable_sort(kept.begin(), kept.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
    const auto wanted = static_cast<double>(total) * options.character_coverage;
    double covered = 0;
    size_t size = 0;
    while (size < std::min(kept.size(), options.limit_alphabet) && (kept[size].second == UINT64_MAX || covered < wanted)) {
      if (kept[size].second != UINT64_MAX) covered += static_cast<double>(kept[size].second);
      ++size;
    }
    kept.resize(size);
    std::sort(kept.begin(), kept.end());
  }
  std::u32string alphabet;
  for (const auto& [c, count] : kept) alphabet.push_back(c);
  return alphabet;
}

TokenTable::TokenTable(const std::vector<std::string>& special_tokens) : special_(special_tokens.begin(), special_tokens.end()) {
  for (const std::string& token : special_tokens) add(token);
}

int32_t TokenTable::add(const std::string& token) {
  const auto [place, fresh] = ids_.emplace(token, static_cast<int32_t>(tokens_.size()));
  if (fresh) tokens_.push_back(token);
  return place->second;
}

std::string TokenTable::joined(TokenPair pair, std::string_view prefix) const {
  std::string_view right = (*this)[pair.right];
  if (right.starts_with(prefix)) right.remove_prefix(prefix.size());
  return std::string((*this)[pair.left]).append(right);
}

WordSymbols::WordSymbols(std::span<const WordCount> words, const std::u32string& alphabet, const LearnOptions& options,
                         TokenTable& tokens) {
  struct Ids {
    int32_t first, inner;  // inner -1: not seen yet
  };
  std::unordered_map<char32_t, Ids> ids;
  for (const char32_t c : alphabet) {
    const int32_t id = tokens.add(utf8_of(c));
    ids[c] = {id, options.continuing_prefix.empty() ? id : -1};
  }
  if (!options.continuing_prefix.empty()) {
    std::map<char32_t, int32_t*> inner;
    for (const auto& [word, count] : words) {
      for_each_character(word, [&](char32_t c, size_t i) {
        const auto found = ids.find(c);
        if (i > 0 && found != ids.end()) inner[c] = &found->second.inner;
      });
    }
    for (const auto& [c, id] : inner) *id = tokens.add(options.continuing_prefix + utf8_of(c));
  }
  weights_.reserve(words.size());
  for (const auto& [word, count] : words) {
    if (symbols_.size() + word.size() >= kNone) {
      fail(ErrorCode::unsupported, "the text's different words have more than {} characters; train the tokenizer on a part of the text",
           kNone);
    }
    const size_t begin = symbols_.size();
    for_each_character(word, [&](char32_t c, size_t i) {
      const auto found = ids.find(c);
      if (found == ids.end()) return;
      const auto here = static_cast<uint32_t>(symbols_.size());
      const bool first = here == begin;
      if (!first) symbols_.back().next = here;
      symbols_.push_back(
          {i == 0 ? found->second.first : found->second.inner, first ? kNone : here - 1, kNone, static_cast<uint32_t>(weights_.size())});
    });
    weights_.push_back(count);
  }
}

}  // namespace qkv
