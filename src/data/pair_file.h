// The sealed file that holds tokenized pairs:
//
//   tokens and records, alternating   a run of up to kRecordsPerChunk pairs: their ids (int32, source then target), then their records
//   directory                         for each run the offset of its records (uint64)
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "data/sealed_file.h"

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
    explicit Writer(const SealedFile::Append& append);
    void add(int64_t line, std::span<const int32_t> source, std::span<const int32_t> target);
    int64_t pairs() const { return pairs_; }
    void finish(uint64_t fingerprint, int64_t too_long, int64_t empty);

   private:
    void end_chunk();
    SealedFile::Writer file_;
    std::vector<PairRecord> records_;  // of the run being written
    std::vector<uint64_t> directory_;
    int64_t pairs_ = 0;
  };

  // Opens a file written with this fingerprint and with ids below vocab_size; `file` is only changed if the state is good.
  static SealedFile::State open(const std::filesystem::path& path, uint64_t fingerprint, int32_t vocab_size, PairFile& file);

  const PairCounts& counts() const { return counts_; }
  const PairRecord& record(int64_t pair) const { return chunks_[static_cast<size_t>(pair / kRecordsPerChunk)][pair % kRecordsPerChunk]; }
  std::span<const int32_t> source(int64_t pair) const { return ids(record(pair).start, record(pair).source); }
  std::span<const int32_t> target(int64_t pair) const { return ids(record(pair).start + record(pair).source, record(pair).target); }

 private:
  std::span<const int32_t> ids(uint64_t start, size_t count) const {
    return {reinterpret_cast<const int32_t*>(file_.data()) + start, count};
  }
  // True if the records at `begin` and the ids they point to are within the content, with ids below vocab_size.
  bool run_is_sound(uint64_t begin, size_t count, int32_t vocab_size) const;
  SealedFile file_;
  std::vector<const PairRecord*> chunks_;
  PairCounts counts_;
};

}  // namespace qkv
