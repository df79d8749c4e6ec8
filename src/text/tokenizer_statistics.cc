#include "qkv/tokenizer_statistics.h"

#include <algorithm>
#include <mutex>

#include "base/parallel.h"
#include "base/utf8.h"
#include "text/unicode/unicode.h"

namespace qkv {
namespace {

uint64_t count_words(std::string_view line) {
  uint64_t words = 0;
  bool inside = false;
  for (size_t i = 0; i < line.size();) {
    const Character c = character_at(line, i);
    const bool space = is_white_space(c.code_point);
    words += !space && !inside;
    inside = !space;
    i += c.length;
  }
  return words;
}

size_t characters_of(std::string_view text) {
  return static_cast<size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

std::vector<std::string> longest_of(const Tokenizer& tokenizer, std::span<const uint64_t> counts, size_t longest) {
  struct Piece {
    size_t characters;
    uint64_t count;
    int32_t id;
  };
  std::vector<Piece> pieces;
  for (int32_t id = 0; id < std::ssize(counts); ++id) {
    if (counts[static_cast<size_t>(id)] == 0 || id == tokenizer.unknown_id() || tokenizer.is_special(id)) continue;
    pieces.push_back({characters_of(tokenizer.id_to_token(id)), counts[static_cast<size_t>(id)], id});
  }
  const auto first = [](const Piece& a, const Piece& b) {
    if (a.characters != b.characters) return a.characters > b.characters;
    return a.count != b.count ? a.count > b.count : a.id < b.id;
  };
  const size_t count = std::min(longest, pieces.size());
  std::partial_sort(pieces.begin(), pieces.begin() + static_cast<ptrdiff_t>(count), pieces.end(), first);
  std::vector<std::string> result;
  for (size_t i = 0; i < count; ++i) result.push_back(tokenizer.id_to_token(pieces[i].id));
  return result;
}

}  // namespace

TokenizerStatistics measure_tokenizer(const Tokenizer& tokenizer, std::span<const std::string_view> lines, size_t longest) {
  constexpr size_t kBlock = 512;
  TokenizerStatistics result;
  result.vocab_size = tokenizer.vocab_size();
  std::vector<uint64_t> counts(static_cast<size_t>(tokenizer.vocab_size()));
  std::mutex mutex;  // sums of integers do not depend on the order
  parallel_for(static_cast<int64_t>((lines.size() + kBlock - 1) / kBlock), [&](int64_t block) {
    const std::span<const std::string_view> mine =
        lines.subspan(static_cast<size_t>(block) * kBlock).first(std::min(kBlock, lines.size() - static_cast<size_t>(block) * kBlock));
    std::vector<int32_t> ids;
    uint64_t bytes = 0, words = 0;
    for (const std::string_view line : mine) {
      bytes += line.size();
      words += is_valid_utf8(line) ? count_words(line) : count_words(replace_invalid_utf8(line));
      const std::vector<int32_t> of_line = tokenizer.encode(line, false);
      ids.insert(ids.end(), of_line.begin(), of_line.end());
    }
    const std::lock_guard lock(mutex);
    result.bytes += bytes;
    result.words += words;
    result.tokens += ids.size();
    for (const int32_t id : ids) ++counts[static_cast<size_t>(id)];
  });
  if (const int32_t unknown = tokenizer.unknown_id(); unknown >= 0) result.unknown_tokens = counts[static_cast<size_t>(unknown)];
  result.used = static_cast<int32_t>(std::count_if(counts.begin(), counts.end(), [](uint64_t count) { return count > 0; }));
  result.longest_pieces = longest_of(tokenizer, counts, longest);
  return result;
}

}  // namespace qkv
