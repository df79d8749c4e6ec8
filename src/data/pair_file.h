// The file that holds a tokenized corpus: written in one pass of any length, mapped, and checked before anything in it is believed.
//
//   "qkvpair\1"                       the format and its version
//   tokens and records, in turns      a run of up to kRecordsPerChunk pairs: their ids (int32, source then target), then their records
//   directory                         for each run the offset of its records (uint64)
//   footer                            what the file was made from, counts, and the checksum of everything before it
//
// Numbers are in the machine's own order of bytes; the file is a cache, not a format to exchange.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "base/files.h"

namespace qkv {

struct PairRecord {
  uint64_t start;           // of the source's ids, in int32 units from the beginning of the file; the target's follow
  int64_t line;             // 1-based
  uint32_t source, target;  // numbers of ids
};
static_assert(sizeof(PairRecord) == 24);

struct PairCounts {
  int64_t pairs = 0, too_long = 0, empty = 0;
};

class PairFile {
 public:
  static constexpr int64_t kRecordsPerChunk = int64_t{1} << 16;

  class Writer {
   public:
    explicit Writer(const std::function<void(const void*, size_t)>& append);
    void add(int64_t line, std::span<const int32_t> source, std::span<const int32_t> target);
    int64_t pairs() const { return pairs_; }
    void finish(uint64_t fingerprint, int64_t too_long, int64_t empty);

   private:
    void put(const void* data, size_t size);
    void flush_block(bool all);
    void end_chunk();
    const std::function<void(const void*, size_t)>& append_;
    std::string buffer_;               // not yet appended, so that checksums are of whole blocks
    std::vector<PairRecord> records_;  // of the run that is being written
    std::vector<uint64_t> directory_;
    uint64_t offset_ = 0, checksum_ = 0;
    int64_t pairs_ = 0;
  };

  enum class State { good, missing, stale, damaged };
  // Opens a file that was written with this fingerprint and whose ids are below vocab_size; `file` is changed where State is good only.
  static State open(const std::filesystem::path& path, uint64_t fingerprint, int32_t vocab_size, PairFile& file);

  const PairCounts& counts() const { return counts_; }
  const PairRecord& record(int64_t pair) const { return chunks_[static_cast<size_t>(pair / kRecordsPerChunk)][pair % kRecordsPerChunk]; }
  std::span<const int32_t> source(int64_t pair) const { return ids(record(pair).start, record(pair).source); }
  std::span<const int32_t> target(int64_t pair) const { return ids(record(pair).start + record(pair).source, record(pair).target); }

 private:
  std::span<const int32_t> ids(uint64_t start, size_t count) const {
    return {reinterpret_cast<const int32_t*>(file_.data()) + start, count};
  }
  // Do the records at `begin` lie in the file's first `content` bytes, and what they point to as well, ids below vocab_size?
  bool run_is_sound(uint64_t begin, size_t count, size_t content, int32_t vocab_size) const;
  MappedFile file_;
  std::vector<const PairRecord*> chunks_;
  PairCounts counts_;
};

}  // namespace qkv
