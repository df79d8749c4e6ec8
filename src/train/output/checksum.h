// CRC-32C (Castagnoli), the checksum of TensorBoard's records and of checkpoints.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace qkv {

uint32_t crc32c(std::string_view bytes);

// The masked form of CRCs in TFRecords (tensorflow/tsl/lib/hash/crc32c.h): a CRC of data that contains CRCs is weak.
inline uint32_t masked_crc32c(std::string_view bytes) {
  const uint32_t crc = crc32c(bytes);
  return ((crc >> 15) | (crc << 17)) + 0xA282EAD8u;
}

// CRC-32C of each `chunk` bytes of a file, computed on all threads. The last chunk may be shorter; an empty file has none.
struct FileChecksum {
  static constexpr int64_t kChunk = int64_t{4} << 20;
  int64_t bytes = 0;
  std::vector<uint32_t> chunks;
};
FileChecksum checksum_file(const std::filesystem::path& path);

}  // namespace qkv
