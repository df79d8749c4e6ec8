#include "text/stages/precompiled_map.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/utf8.h"
#include "text/stages/rewriter.h"
#include "text/unicode/graphemes.h"

namespace qkv {
namespace {

constexpr size_t kMaxReplacement = 1024;  // bytes; the largest of NFKC is 33
constexpr size_t kMaxKey = 256;           // bytes; the units of a damaged map may form a cycle

// A unit of Darts-clone: bits 0 to 7 are the label, bit 8 tells that the node has a value, bit 9 that the offset, bits 10 to 30, is in
// units of 256. Bit 31 marks a value.
uint32_t label(uint32_t unit) { return unit & (1u << 31 | 0xFF); }
bool has_value(uint32_t unit) { return (unit >> 8 & 1) != 0; }
uint32_t offset(uint32_t unit) { return unit >> 10 << ((unit & 1u << 9) >> 6); }
uint32_t value(uint32_t unit) { return unit & ~(1u << 31); }

uint32_t read_u32(std::string_view bytes) {
  const auto byte = [&](size_t i) { return static_cast<uint32_t>(static_cast<unsigned char>(bytes[i])); };
  return byte(0) | byte(1) << 8 | byte(2) << 16 | byte(3) << 24;
}

std::string decode_base64(const JsonNode& node) {
  constexpr std::string_view kDigits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text = node.string(), bytes;
  if (text.size() % 4 != 0) node.fail("is not base64: its length is not a multiple of 4");
  for (int padding = 0; padding < 2 && text.ends_with('='); ++padding) text.pop_back();
  bytes.reserve(text.size() / 4 * 3 + 3);
  uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    const size_t digit = kDigits.find(c);
    if (digit == std::string_view::npos) node.fail("is not base64: it has a character that is no digit of it");
    bits = bits << 6 | static_cast<uint32_t>(digit);
    count += 6;
    if (count >= 8) {
      count -= 8;
      bytes.push_back(static_cast<char>(bits >> count & 0xFF));
    }
  }
  return bytes;
}

class PrecompiledNormalizer final : public Normalizer {
 public:
  explicit PrecompiledNormalizer(PrecompiledMap map) : map_(std::move(map)) {}

  void normalize(NormalizedText& text) const override {
    const std::string_view old = text.text;
    std::vector<Rewriter::Change> changes;
    changes.reserve(old.size());
    bool modified = false;
    const auto replace = [&](std::string_view part) {
      const auto replacement = map_.find(part);
      if (!replacement) return false;
      modified = true;
      append(*replacement, count_characters(part), changes);
      return true;
    };
    for (size_t begin = 0; begin < old.size();) {
      const size_t end = grapheme_end(old, begin);
      if (end - begin <= 5 && replace(old.substr(begin, end - begin))) {
        begin = end;
        continue;
      }
      for (size_t i = begin; i < end;) {
        const Character c = character_at(old, i);
        if (!replace(old.substr(i, c.length))) changes.push_back({c.code_point, 0});
        i += c.length;
      }
      begin = end;
    }
    if (!modified) return;
    Rewriter rewriter(text);
    rewriter.apply(changes);
    rewriter.finish(text);
  }

 private:
  // The new characters replace the old ones one by one. If there are more new ones, the last are inserted; if fewer, the last one covers
  // the remaining places. If nothing replaces the old ones, the character before them covers their places; at the beginning of the text
  // there is none, and all that follows is attributed to a place too early, as in `tokenizers`.
  static void append(std::string_view replacement, size_t old_count, std::vector<Rewriter::Change>& changes) {
    size_t count = 0;
    for (size_t i = 0; i < replacement.size(); ++count) {
      const Character c = character_at(replacement, i);
      changes.push_back({c.code_point, count < old_count ? 0 : 1});
      i += c.length;
    }
    if (count < old_count && !changes.empty()) changes.back().change -= static_cast<int>(old_count - count);
  }

  PrecompiledMap map_;
};

class NoNormalizer final : public Normalizer {
 public:
  void normalize(NormalizedText&) const override {}
};

}  // namespace

PrecompiledMap::PrecompiledMap(std::string_view bytes, const std::string& where) {
  const auto refuse = [&](const std::string& what) {
    fail(ErrorCode::bad_input, "{}: {}; the character map is damaged or of another kind", where, what);
  };
  if (bytes.size() < 4) refuse(fmt::format("the character map has {} bytes, too few for its trie's size", bytes.size()));
  const size_t trie_size = read_u32(bytes);
  bytes.remove_prefix(4);
  if (trie_size % 4 != 0 || trie_size == 0) refuse(fmt::format("the trie's size is {} bytes, not some units of 4", trie_size));
  if (trie_size > bytes.size()) refuse(fmt::format("the trie's size is {} bytes, but only {} follow", trie_size, bytes.size()));
  units_.reserve(trie_size / 4);
  for (size_t i = 0; i < trie_size; i += 4) units_.push_back(read_u32(bytes.substr(i, 4)));
  replacements_ = bytes.substr(trie_size);
  if (!is_valid_utf8(replacements_)) refuse("the replacements are not UTF-8");
  for (size_t begin = 0; begin < replacements_.size();) {
    const size_t end = std::min(replacements_.find('\0', begin), replacements_.size());
    if (end - begin > kMaxReplacement) refuse(fmt::format("a replacement has {} bytes, more than {}", end - begin, kMaxReplacement));
    begin = end + 1;
  }
}

template <typename See>
void PrecompiledMap::for_each_key(std::string_view text, See&& see) const {
  size_t node = offset(units_[0]);
  for (size_t i = 0; i < std::min(text.size(), kMaxKey); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte == 0) return;
    node ^= byte;
    if (node >= units_.size() || label(units_[node]) != byte) return;
    const uint32_t unit = units_[node];
    node ^= offset(unit);
    if (!has_value(unit)) continue;
    if (node >= units_.size()) return;
    const size_t begin = value(units_[node]);
    if (begin > replacements_.size()) return;
    const std::string_view rest = std::string_view(replacements_).substr(begin);
    if (!rest.empty() && (static_cast<unsigned char>(rest[0]) & 0xC0) == 0x80) return;  // within a character
    if (!see(i + 1, rest.substr(0, rest.find('\0')))) return;
  }
}

std::optional<std::string_view> PrecompiledMap::find(std::string_view text) const {
  std::optional<std::string_view> found;
  for_each_key(text, [&](size_t, std::string_view replacement) {
    found = replacement;
    return false;
  });
  return found;
}

PrecompiledMap::Match PrecompiledMap::find_longest(std::string_view text) const {
  Match longest;
  for_each_key(text, [&](size_t length, std::string_view replacement) {
    const bool whole = length == text.size() || (static_cast<unsigned char>(text[length]) & 0xC0) != 0x80;  // whether no character is split
    if (whole) longest = {length, replacement};
    return true;
  });
  return longest;
}

bool PrecompiledMap::has_key_from(std::string_view prefix) const {
  size_t node = offset(units_[0]);
  for (const char c : prefix) {
    const auto byte = static_cast<unsigned char>(c);
    node ^= byte;
    if (byte == 0 || node >= units_.size() || label(units_[node]) != byte) return false;
    node ^= offset(units_[node]);
  }
  return true;
}

std::unique_ptr<Normalizer> make_precompiled_normalizer(const JsonNode& node) {
  const auto charsmap = node.find("precompiled_charsmap");
  if (!charsmap || charsmap->string().empty()) return std::make_unique<NoNormalizer>();
  return std::make_unique<PrecompiledNormalizer>(PrecompiledMap(decode_base64(*charsmap), charsmap->file()));
}

}  // namespace qkv
