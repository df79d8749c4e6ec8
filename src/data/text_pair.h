// Two texts in which line i of one translates line i of the other, read block by block.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "base/text_source.h"

namespace qkv {

class TextPair {
 public:
  // Throws if one is missing, empty or no text, or if their numbers of lines differ (of any two files, where the sides have as many); the
  // message then names the first line that seems to lack its translation, if the ratio of lengths shows it.
  TextPair(const TextSource& source, const TextSource& target);

  int64_t lines() const { return lines_; }
  uint64_t content_hash() const { return content_hash_; }  // of both texts
  const TextSource& source() const { return source_; }
  const TextSource& target() const { return target_; }

  // Consecutive whole lines without their ends.
  struct Block {
    int64_t first_line = 0;  // 0-based
    std::vector<std::string_view> source, target;
  };
  // Fills `block` with the next lines, until it holds about `bytes` of one side; false at the end. Pages of the previous block are
  // released, so that memory stays bounded.
  bool next(Block& block, size_t bytes);

 private:
  TextSource source_, target_;
  int64_t lines_ = 0, next_line_ = 0;
  size_t source_offset_ = 0, target_offset_ = 0;  // where the next block begins
  size_t source_block_ = 0, target_block_ = 0;    // where the last one began
  uint64_t content_hash_ = 0;
};

// The 0-based line of the longer side from which on lines seem to lack translations, if the lengths show it clearly; otherwise -1. Takes
// the lengths of the lines, of which `longer` has more. O(lines).
int64_t find_missing_line(const std::vector<uint32_t>& longer, const std::vector<uint32_t>& shorter);

}  // namespace qkv
