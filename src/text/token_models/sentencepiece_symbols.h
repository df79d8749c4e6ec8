// Shared by the parts of a SentencePiece tokenizer.
#pragma once

#include <string_view>
#include <vector>

#include "text/token_models/byte_trie.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

inline constexpr std::string_view kSpaceSymbol = "\xE2\x96\x81";  // U+2581

inline ByteTrie user_defined_pieces(const SentencePieceModel& model) {
  std::vector<ByteTrie::Entry> entries;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].type == PieceType::user_defined) entries.push_back({model.pieces[id].text, static_cast<int32_t>(id)});
  }
  return ByteTrie(std::move(entries));
}

// Length of the longest key at `position` of `text`, 0: none; its value is stored in `value`.
inline size_t longest_match(const ByteTrie& keys, std::string_view text, size_t position, int32_t* value = nullptr) {
  size_t length = 0;
  uint32_t node = ByteTrie::kRoot;
  for (size_t i = position; i < text.size() && keys.step(node, static_cast<unsigned char>(text[i])); ++i) {
    if (keys.value(node) < 0) continue;
    length = i + 1 - position;
    if (value) *value = keys.value(node);
  }
  return length;
}

}  // namespace qkv
