#include "data/block_hash.h"

#include <vector>

#include "base/parallel.h"

namespace qkv {

uint64_t hash_block(std::string_view block) { return std::hash<std::string_view>()(block); }

uint64_t hash_blocks(std::string_view text, const std::function<void(size_t begin, size_t end)>& release,
                     const std::function<void(int64_t i, std::string_view block)>& look) {
  std::vector<uint64_t> blocks((text.size() + kHashBlock - 1) / kHashBlock);
  parallel_for(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    const size_t offset = static_cast<size_t>(i) * kHashBlock;
    const std::string_view block = text.substr(offset, kHashBlock);
    blocks[static_cast<size_t>(i)] = hash_block(block);
    if (look) look(i, block);
    release(offset, offset + block.size());
  });
  uint64_t hash = 0;
  for (const uint64_t block : blocks) hash = combine_hashes(hash, block);
  return hash;
}

uint64_t hash_file(const MappedFile& file, size_t size) {
  return hash_blocks(file.text().substr(0, size), [&](size_t begin, size_t end) { file.release(begin, end); });
}

}  // namespace qkv
