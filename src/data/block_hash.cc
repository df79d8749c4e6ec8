#include "data/block_hash.h"

#include <vector>

#include "base/parallel.h"

namespace qkv {

uint64_t hash_block(std::string_view block) { return std::hash<std::string_view>()(block); }

uint64_t hash_blocks(const MappedFile& file, size_t begin, size_t end, const std::function<void(int64_t i, std::string_view block)>& look) {
  const std::string_view content = file.text().substr(begin, end - begin);
  std::vector<uint64_t> blocks((content.size() + kHashBlock - 1) / kHashBlock);
  parallel_for(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    const size_t offset = static_cast<size_t>(i) * kHashBlock;
    const std::string_view block = content.substr(offset, kHashBlock);
    blocks[static_cast<size_t>(i)] = hash_block(block);
    if (look) look(i, block);
    file.release(begin + offset, begin + offset + block.size());
  });
  uint64_t hash = 0;
  for (const uint64_t block : blocks) hash = combine_hashes(hash, block);
  return hash;
}

}  // namespace qkv
