#include "data/pair_file.h"

#include <algorithm>
#include <atomic>
#include <string_view>
#include <utility>

#include "base/parallel.h"

namespace qkv {
namespace {

constexpr std::string_view kMagic("qkvpair\2", 8);

int64_t chunk_count(int64_t pairs) { return (pairs + PairFile::kRecordsPerChunk - 1) / PairFile::kRecordsPerChunk; }

}  // namespace

PairFile::Writer::Writer(const SealedFile::Append& append) : file_(kMagic, append) { records_.reserve(kRecordsPerChunk); }

void PairFile::Writer::add(int64_t line, std::span<const int32_t> source, std::span<const int32_t> target) {
  records_.push_back({file_.offset() / sizeof(int32_t), line, static_cast<uint32_t>(source.size()), static_cast<uint32_t>(target.size())});
  file_.put(source.data(), source.size_bytes());
  file_.put(target.data(), target.size_bytes());
  ++pairs_;
  if (static_cast<int64_t>(records_.size()) == kRecordsPerChunk) end_chunk();
}

void PairFile::Writer::end_chunk() {
  if (records_.empty()) return;
  file_.align(alignof(PairRecord));
  directory_.push_back(file_.offset());
  file_.put(records_.data(), records_.size() * sizeof(PairRecord));
  records_.clear();
}

void PairFile::Writer::finish(uint64_t fingerprint, int64_t too_long, int64_t empty) {
  end_chunk();
  const auto directory = static_cast<int64_t>(file_.offset());
  file_.put(directory_.data(), directory_.size() * sizeof(uint64_t));
  file_.finish(fingerprint, {directory, pairs_, too_long, empty});
}

bool PairFile::run_is_sound(uint64_t begin, size_t count, int32_t vocab_size) const {
  const size_t content = file_.content_end();
  if (begin % alignof(PairRecord) != 0 || begin > content || content - begin < count * sizeof(PairRecord)) return false;
  const std::span records(reinterpret_cast<const PairRecord*>(file_.data() + begin), count);
  const uint64_t units = content / sizeof(int32_t);
  for (const PairRecord& record : records) {
    const uint64_t length = uint64_t{record.source} + record.target;
    if (record.source == 0 || record.target == 0 || record.start > units || length > units - record.start) return false;
    uint32_t largest = 0;  // a negative id counts as the largest
    for (const int32_t id : ids(record.start, length)) largest = std::max(largest, static_cast<uint32_t>(id));
    if (largest >= static_cast<uint32_t>(vocab_size)) return false;
  }
  file_.release(records.front().start * sizeof(int32_t), begin);  // a run's ids precede its records
  return true;
}

SealedFile::State PairFile::open(const std::filesystem::path& path, uint64_t fingerprint, int32_t vocab_size, PairFile& file) {
  using State = SealedFile::State;
  PairFile opened;
  if (const State state = SealedFile::open(path, kMagic, fingerprint, opened.file_); state != State::good) return state;
  const SealedFile::Numbers& numbers = opened.file_.numbers();
  const auto begin = static_cast<uint64_t>(numbers[0]);
  const int64_t pairs = numbers[1];
  const size_t content = opened.file_.content_end();
  const int64_t chunks = pairs >= 0 && pairs <= INT32_MAX ? chunk_count(pairs) : -1;
  const bool directory_fits = chunks >= 0 && begin <= content && begin % sizeof(uint64_t) == 0 &&
                              content - begin == static_cast<uint64_t>(chunks) * sizeof(uint64_t);
  if (!directory_fits) return State::damaged;

  const auto* directory = reinterpret_cast<const uint64_t*>(opened.file_.data() + begin);
  std::atomic<bool> fits{true};
  opened.chunks_.resize(static_cast<size_t>(chunks));
  parallel_for(chunks, [&](int64_t c) {
    const auto count = static_cast<size_t>(std::min(kRecordsPerChunk, pairs - c * kRecordsPerChunk));
    if (opened.run_is_sound(directory[c], count, vocab_size)) {
      opened.chunks_[static_cast<size_t>(c)] = reinterpret_cast<const PairRecord*>(opened.file_.data() + directory[c]);
    } else {
      fits = false;
    }
  });
  if (!fits) return State::damaged;
  opened.counts_ = {pairs, numbers[2], numbers[3]};
  file = std::move(opened);
  return State::good;
}

}  // namespace qkv
