#include "data/pair_file.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/parallel.h"

namespace qkv {
namespace {

constexpr std::string_view kMagic("qkvpair\1", 8);
constexpr size_t kBlock = size_t{1} << 20;  // bytes under one hash

struct Footer {
  uint64_t checksum;
  uint64_t fingerprint;
  uint64_t file_size;
  uint64_t directory;  // offset
  int64_t pairs, too_long, empty;
  uint64_t footer_checksum;  // of the fields above
};
static_assert(sizeof(Footer) == 64);

uint64_t hash_bytes(const void* data, size_t size) { return std::hash<std::string_view>()({static_cast<const char*>(data), size}); }

// Blocks are hashed on any thread and combined in order.
uint64_t combine(uint64_t checksum, uint64_t block) { return (checksum ^ block) * 0x9E3779B97F4A7C15; }

uint64_t footer_checksum(const Footer& footer) { return hash_bytes(&footer, offsetof(Footer, footer_checksum)); }

// Of the file's first `size` bytes. What has been looked at is released, so that a large cache is checked in little memory.
uint64_t checksum_of(const MappedFile& file, size_t size) {
  const std::string_view content = file.text().substr(0, size);
  std::vector<uint64_t> blocks((content.size() + kBlock - 1) / kBlock);
  parallel_for(static_cast<int64_t>(blocks.size()), [&](int64_t i) {
    const std::string_view block = content.substr(static_cast<size_t>(i) * kBlock, kBlock);
    blocks[static_cast<size_t>(i)] = hash_bytes(block.data(), block.size());
    file.release(static_cast<size_t>(i) * kBlock, static_cast<size_t>(i) * kBlock + block.size());
  });
  uint64_t checksum = 0;
  for (const uint64_t block : blocks) checksum = combine(checksum, block);
  return checksum;
}

int64_t chunk_count(int64_t pairs) { return (pairs + PairFile::kRecordsPerChunk - 1) / PairFile::kRecordsPerChunk; }

}  // namespace

PairFile::Writer::Writer(const std::function<void(const void*, size_t)>& append) : append_(append) {
  buffer_.reserve(2 * kBlock);
  records_.reserve(kRecordsPerChunk);
  put(kMagic.data(), kMagic.size());
}

void PairFile::Writer::put(const void* data, size_t size) {
  buffer_.append(static_cast<const char*>(data), size);
  offset_ += size;
  if (buffer_.size() >= kBlock) flush_block(false);
}

void PairFile::Writer::flush_block(bool all) {
  size_t done = 0;
  while (buffer_.size() - done >= kBlock || (all && done < buffer_.size())) {
    const size_t size = std::min(kBlock, buffer_.size() - done);
    checksum_ = combine(checksum_, hash_bytes(buffer_.data() + done, size));
    append_(buffer_.data() + done, size);
    done += size;
  }
  buffer_.erase(0, done);
}

void PairFile::Writer::add(int64_t line, std::span<const int32_t> source, std::span<const int32_t> target) {
  records_.push_back({offset_ / sizeof(int32_t), line, static_cast<uint32_t>(source.size()), static_cast<uint32_t>(target.size())});
  put(source.data(), source.size_bytes());
  put(target.data(), target.size_bytes());
  ++pairs_;
  if (static_cast<int64_t>(records_.size()) == kRecordsPerChunk) end_chunk();
}

void PairFile::Writer::end_chunk() {
  if (records_.empty()) return;
  static constexpr char kZeros[sizeof(uint64_t)] = {};
  put(kZeros, (sizeof(uint64_t) - offset_ % sizeof(uint64_t)) % sizeof(uint64_t));  // records are 8-byte aligned
  directory_.push_back(offset_);
  put(records_.data(), records_.size() * sizeof(PairRecord));
  records_.clear();
}

void PairFile::Writer::finish(uint64_t fingerprint, int64_t too_long, int64_t empty) {
  end_chunk();
  Footer footer{};
  footer.directory = offset_;
  put(directory_.data(), directory_.size() * sizeof(uint64_t));
  flush_block(true);
  footer.checksum = checksum_;
  footer.fingerprint = fingerprint;
  footer.file_size = offset_ + sizeof(Footer);
  footer.pairs = pairs_;
  footer.too_long = too_long;
  footer.empty = empty;
  footer.footer_checksum = footer_checksum(footer);
  append_(&footer, sizeof footer);
}

bool PairFile::run_is_sound(uint64_t begin, size_t count, size_t content, int32_t vocab_size) const {
  if (begin % alignof(PairRecord) != 0 || begin > content || content - begin < count * sizeof(PairRecord)) return false;
  const std::span records(reinterpret_cast<const PairRecord*>(file_.data() + begin), count);
  const uint64_t units = content / sizeof(int32_t);
  for (const PairRecord& record : records) {
    const uint64_t length = uint64_t{record.source} + record.target;
    if (record.source == 0 || record.target == 0 || record.start > units || length > units - record.start) return false;
    uint32_t largest = 0;  // a negative id is the largest of all
    for (const int32_t id : ids(record.start, length)) largest = std::max(largest, static_cast<uint32_t>(id));
    if (largest >= static_cast<uint32_t>(vocab_size)) return false;
  }
  file_.release(records.front().start * sizeof(int32_t), begin);  // a run's ids lie before its records
  return true;
}

PairFile::State PairFile::open(const std::filesystem::path& path, uint64_t fingerprint, int32_t vocab_size, PairFile& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return State::missing;
  PairFile opened;
  opened.file_ = MappedFile(path);
  const std::string_view text = opened.file_.text();
  Footer footer;
  if (text.size() < kMagic.size() + sizeof footer || !text.starts_with(kMagic)) return State::damaged;
  const size_t content = text.size() - sizeof footer;
  std::memcpy(&footer, text.data() + content, sizeof footer);
  if (footer.footer_checksum != footer_checksum(footer) || footer.file_size != text.size()) return State::damaged;
  if (footer.fingerprint != fingerprint) return State::stale;

  const int64_t chunks = footer.pairs >= 0 && footer.pairs <= INT32_MAX ? chunk_count(footer.pairs) : -1;
  const bool directory_fits = chunks >= 0 && footer.directory <= content && footer.directory % sizeof(uint64_t) == 0 &&
                              content - footer.directory == static_cast<uint64_t>(chunks) * sizeof(uint64_t);
  if (!directory_fits || checksum_of(opened.file_, content) != footer.checksum) return State::damaged;

  const auto* directory = reinterpret_cast<const uint64_t*>(text.data() + footer.directory);
  std::atomic<bool> fits{true};
  opened.chunks_.resize(static_cast<size_t>(chunks));
  parallel_for(chunks, [&](int64_t c) {
    const auto count = static_cast<size_t>(std::min(kRecordsPerChunk, footer.pairs - c * kRecordsPerChunk));
    if (opened.run_is_sound(directory[c], count, content, vocab_size)) {
      opened.chunks_[static_cast<size_t>(c)] = reinterpret_cast<const PairRecord*>(text.data() + directory[c]);
    } else {
      fits = false;
    }
  });
  if (!fits) return State::damaged;
  opened.counts_ = {footer.pairs, footer.too_long, footer.empty};
  file = std::move(opened);
  return State::good;
}

}  // namespace qkv
