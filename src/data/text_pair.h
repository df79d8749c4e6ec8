// Two text files of which line i of one translates line i of the other, read block by block.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "base/files.h"

namespace qkv {

class TextPair {
 public:
  // Maps both; a byte-order mark is no part of a text. Throws where one is missing, empty or no text file, or where their numbers of lines
  // differ: the message then names the line from which on one seems to be without its translation, where the ratio of lengths shows it.
  TextPair(const std::filesystem::path& source, const std::filesystem::path& target);

  int64_t lines() const { return lines_; }
  uint64_t content_hash() const { return content_hash_; }  // of both files' bytes
  const std::filesystem::path& source_path() const { return source_path_; }
  const std::filesystem::path& target_path() const { return target_path_; }

  // Whole lines, without their ends, that follow each other in the files.
  struct Block {
    int64_t first_line = 0;  // 0-based
    std::vector<std::string_view> source, target;
  };
  // Fills `block` with the next lines, until about `bytes` of one side are in it; false at the end. The pages of the block before
  // are given back to the system, so that the memory in use stays bounded.
  bool next(Block& block, size_t bytes);

 private:
  std::filesystem::path source_path_, target_path_;
  MappedFile source_, target_;
  int64_t lines_ = 0, next_line_ = 0;
  size_t source_offset_ = 0, target_offset_ = 0;  // where the next block begins
  size_t source_block_ = 0, target_block_ = 0;    // where the last one began
  uint64_t content_hash_ = 0;
};

// The 0-based line of the longer side from which on lines seem to be without translation, where the lengths show it clearly;
// otherwise -1. Given the lengths of the lines, of which `longer` has more. O(lines).
int64_t find_missing_line(const std::vector<uint32_t>& longer, const std::vector<uint32_t>& shorter);

}  // namespace qkv
