#include "train/output/checksum.h"

#include <algorithm>
#include <boost/crc.hpp>

#include "base/files.h"
#include "base/parallel.h"

namespace qkv {

uint32_t crc32c(std::string_view bytes) {
  boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> crc;
  crc.process_bytes(bytes.data(), bytes.size());
  return crc.checksum();
}

FileChecksum checksum_file(const std::filesystem::path& path) {
  const MappedFile file(path);
  FileChecksum result;
  result.bytes = static_cast<int64_t>(file.size());
  result.chunks.resize(static_cast<size_t>((result.bytes + FileChecksum::kChunk - 1) / FileChecksum::kChunk));
  parallel_for(static_cast<int64_t>(result.chunks.size()), [&](int64_t i) {
    const std::string_view chunk = file.text().substr(static_cast<size_t>(i * FileChecksum::kChunk), FileChecksum::kChunk);
    result.chunks[static_cast<size_t>(i)] = crc32c(chunk);
    const auto begin = static_cast<size_t>(chunk.data() - file.data());
    file.release(begin, begin + chunk.size());  // or the whole file would count as memory in use
  });
  return result;
}

}  // namespace qkv
