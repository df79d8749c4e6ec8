// Splits pieces at matches; used by most pre-tokenizers.
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>
#include <vector>

#include "base/utf8.h"
#include "text/pipeline/pipeline.h"

namespace qkv {

// How the matched delimiters are treated.
enum class SplitBehavior { removed, isolated, merged_with_previous, merged_with_next, contiguous };
std::optional<SplitBehavior> split_behavior(std::string_view name);  // name as in tokenizer.json: "MergedWithNext"

// One part of a text: a match, or the text between two matches.
struct SplitPart {
  size_t begin, end;
  bool match;
};

// Applies the behaviour to consecutive parts in place; `match` has no meaning afterwards.
void apply_behavior(SplitBehavior behavior, std::vector<SplitPart>& parts);

// Replaces each piece by its parts, with offsets relative to the beginning of the piece. find_parts(std::string_view piece,
// std::vector<SplitPart>& parts) appends them.
template <typename FindParts>
void split_pieces(PieceList& list, SplitBehavior behavior, FindParts&& find_parts) {
  std::vector<PieceList::Piece> result;
  result.reserve(list.pieces.size());
  std::vector<SplitPart> parts;
  for (const PieceList::Piece& piece : list.pieces) {
    parts.clear();
    find_parts(list.view(piece), parts);
    apply_behavior(behavior, parts);
    for (const SplitPart& part : parts) {
      if (part.begin == part.end) continue;
      result.push_back({piece.begin + part.begin, piece.begin + part.end});
    }
  }
  list.pieces = std::move(result);
}

// The parts of `text` if every character of a class is a separate match.
template <typename IsMatch>
void find_characters(std::string_view text, std::vector<SplitPart>& parts, IsMatch&& is_match) {
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    const Character c = character_at(text, i);
    if (is_match(c.code_point)) {
      if (begin < i) parts.push_back({begin, i, false});
      parts.push_back({i, i + c.length, true});
      begin = i + c.length;
    }
    i += c.length;
  }
  if (begin < text.size()) parts.push_back({begin, text.size(), false});
}

}  // namespace qkv
