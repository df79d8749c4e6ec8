#include "text/stages/added_tokens.h"

#include <algorithm>

#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

size_t start_of_last_character(std::string_view text) {
  size_t last = text.size() - 1;
  while ((static_cast<unsigned char>(text[last]) & 0xC0) == 0x80) --last;
  return last;
}

bool ends_with_word(std::string_view text) {
  return !text.empty() && is_word_character(character_at(text, start_of_last_character(text)).code_point);
}

bool starts_with_word(std::string_view text) { return !text.empty() && is_word_character(character_at(text, 0).code_point); }

size_t without_spaces_at_end(std::string_view text) {
  while (!text.empty()) {
    const size_t last = start_of_last_character(text);
    if (!is_white_space(character_at(text, last).code_point)) break;
    text = text.substr(0, last);
  }
  return text.size();
}

size_t spaces_at_start(std::string_view text) {
  size_t i = 0;
  while (i < text.size()) {
    const Character c = character_at(text, i);
    if (!is_white_space(c.code_point)) break;
    i += c.length;
  }
  return i;
}

std::vector<AddedToken> chosen(const std::vector<AddedToken>& tokens, bool normalized) {
  std::vector<AddedToken> result;
  for (const AddedToken& token : tokens) {
    if (token.searched && token.normalized == normalized) result.push_back(token);
  }
  // If two normalize to the same pattern, a special one wins.
  std::stable_partition(result.begin(), result.end(), [](const AddedToken& token) { return token.special; });
  return result;
}

std::vector<AddedToken> with_patterns(std::vector<AddedToken> tokens, const Normalizer* normalizer) {
  for (AddedToken& token : tokens) {
    NormalizedText pattern{token.content};
    if (token.normalized && normalizer) normalizer->normalize(pattern);
    token.pattern = std::move(pattern.text);
  }
  return tokens;
}

}  // namespace

AddedTokenFinder::AddedTokenFinder(std::vector<AddedToken> tokens) : tokens_(std::move(tokens)), nodes_(1), roots_(256, -1) {
  for (size_t i = 0; i < tokens_.size(); ++i) {
    if (tokens_[i].pattern.empty()) continue;
    int32_t node = 0;
    for (const char c : tokens_[i].pattern) {
      const auto byte = static_cast<unsigned char>(c);
      int32_t next = node == 0 ? roots_[byte] : child(node, byte);
      if (next < 0) {
        next = static_cast<int32_t>(nodes_.size());
        nodes_.push_back({byte, -1, nodes_[static_cast<size_t>(node)].first_child, -1});
        nodes_[static_cast<size_t>(node)].first_child = next;
        if (node == 0) {
          roots_[byte] = next;
          first_bytes_.push_back(c);
        }
      }
      node = next;
    }
    int32_t& token = nodes_[static_cast<size_t>(node)].token;
    if (token < 0) token = static_cast<int32_t>(i);  // the first of two with the same pattern
  }
}

int32_t AddedTokenFinder::child(int32_t node, unsigned char byte) const {
  int32_t next = nodes_[static_cast<size_t>(node)].first_child;
  while (next >= 0 && nodes_[static_cast<size_t>(next)].byte != byte) next = nodes_[static_cast<size_t>(next)].next_sibling;
  return next;
}

AddedTokenFinder::Match AddedTokenFinder::longest_at(std::string_view text, size_t position) const {
  Match match{0, 0};
  int32_t node = roots_[static_cast<unsigned char>(text[position])];
  for (size_t i = position + 1; node >= 0; ++i) {
    const int32_t token = nodes_[static_cast<size_t>(node)].token;
    if (token >= 0) match = {static_cast<size_t>(token), i - position};
    if (i >= text.size()) break;
    node = child(node, static_cast<unsigned char>(text[i]));
  }
  return match;
}

bool AddedTokenFinder::may_find(std::string_view text) const {
  return text.empty() ||
         std::any_of(first_bytes_.begin(), first_bytes_.end(), [&](char c) { return text.find(c) != std::string_view::npos; });
}

std::vector<AddedTokenFinder::Section> AddedTokenFinder::find(std::string_view text, const std::vector<bool>* hidden) const {
  std::vector<Section> sections;
  size_t done = 0;
  for (size_t i = 0; i < text.size();) {
    const Match match = longest_at(text, i);
    if (match.length == 0) {
      ++i;
      continue;
    }
    size_t begin = i, end = i + match.length;
    i = end;
    const AddedToken& token = tokens_[match.token];
    if (hidden && (*hidden)[static_cast<size_t>(token.id)]) continue;
    if (token.single_word && (ends_with_word(text.substr(0, begin)) || starts_with_word(text.substr(end)))) continue;
    if (token.lstrip) begin = std::max(done, without_spaces_at_end(text.substr(0, begin)));
    if (token.rstrip) end += spaces_at_start(text.substr(end));
    if (done < begin) sections.push_back({done, begin, -1});
    sections.push_back({begin, end, token.id});
    done = end;
  }
  if (done < text.size()) sections.push_back({done, text.size(), -1});
  return sections;
}

AddedTokens::AddedTokens(std::vector<AddedToken> tokens, const Normalizer* normalizer)
    : tokens_(with_patterns(std::move(tokens), normalizer)), raw_(chosen(tokens_, false)), normalized_(chosen(tokens_, true)) {}

}  // namespace qkv
