#include "text/character_map.h"

#include <cstring>

#include "base/error.h"

namespace qkv {
namespace {

// A unit of the array is a node (its label in the low 8 bits, the highest bit clear) or a value (the highest bit set).
constexpr uint32_t kLabelMask = 0x800000FFu;
bool has_leaf(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t offset(uint32_t unit) { return (unit >> 10) << ((unit & 1u << 9) >> 6); }
uint32_t value(uint32_t unit) { return unit & 0x7FFFFFFFu; }

}  // namespace

CharacterMap::CharacterMap(std::string_view blob, const std::string& where) {
  if (blob.empty()) return;
  uint32_t size = 0;
  if (blob.size() >= 4) {
    for (size_t i = 0; i < 4; ++i) size |= static_cast<uint32_t>(static_cast<unsigned char>(blob[i])) << (8 * i);
  }
  if (size == 0 || size % 4 != 0 || size > blob.size() - 4) {
    fail(ErrorCode::bad_input, "{}: the map of characters is damaged: its array should have {} bytes, the whole has {}", where, size,
         blob.size());
  }
  units_.resize(size / 4);
  for (size_t i = 0; i < units_.size(); ++i) {
    for (size_t byte = 0; byte < 4; ++byte) {
      units_[i] |= static_cast<uint32_t>(static_cast<unsigned char>(blob[4 + 4 * i + byte])) << (8 * byte);
    }
  }
  texts_ = blob.substr(4 + size_t{size});
  texts_.push_back('\0');
}

bool CharacterMap::begins_with(unsigned char byte) const {
  if (units_.empty() || byte == 0) return false;
  const uint32_t node = offset(units_[0]) ^ byte;
  return node < units_.size() && (units_[node] & kLabelMask) == byte;
}

CharacterMap::Match CharacterMap::longest_at(std::string_view text, size_t position) const {
  Match match;
  if (units_.empty()) return match;
  uint32_t node = offset(units_[0]);
  for (size_t i = position; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) break;  // a key has none: the zero byte is where it ends
    node ^= byte;
    if (node >= units_.size() || (units_[node] & kLabelMask) != byte) break;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_leaf(unit)) continue;
    if (node >= units_.size()) break;
    const uint32_t text_at = value(units_[node]);
    if (text_at >= texts_.size()) break;
    match = {i + 1 - position, std::string_view(texts_.data() + text_at)};
  }
  return match;
}

}  // namespace qkv
