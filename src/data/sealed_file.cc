#include "data/sealed_file.h"

#include <algorithm>
#include <cstddef>
#include <cstring>

#include "base/error.h"
#include "base/log.h"
#include "data/block_hash.h"

namespace qkv {
namespace {

struct Footer {
  uint64_t checksum;
  uint64_t fingerprint;
  uint64_t file_size;
  SealedFile::Numbers numbers;
  uint64_t footer_checksum;  // of the fields above
};
static_assert(sizeof(Footer) == 64);

uint64_t footer_checksum(const Footer& footer) {
  return hash_block({reinterpret_cast<const char*>(&footer), offsetof(Footer, footer_checksum)});
}

}  // namespace

SealedFile::Writer::Writer(std::string_view magic, const Append& append) : append_(append) {
  buffer_.reserve(2 * kHashBlock);
  put(magic.data(), magic.size());
}

void SealedFile::Writer::put(const void* data, size_t size) {
  buffer_.append(static_cast<const char*>(data), size);
  offset_ += size;
  if (buffer_.size() >= kHashBlock) flush_block(false);
}

void SealedFile::Writer::align(size_t bytes) {
  const std::string zeros((bytes - offset_ % bytes) % bytes, '\0');
  put(zeros.data(), zeros.size());
}

void SealedFile::Writer::flush_block(bool all) {
  size_t done = 0;
  while (buffer_.size() - done >= kHashBlock || (all && done < buffer_.size())) {
    const size_t size = std::min(kHashBlock, buffer_.size() - done);
    checksum_ = combine_hashes(checksum_, hash_block({buffer_.data() + done, size}));
    append_(buffer_.data() + done, size);
    done += size;
  }
  buffer_.erase(0, done);
}

void SealedFile::Writer::finish(uint64_t fingerprint, const Numbers& numbers) {
  flush_block(true);
  Footer footer{checksum_, fingerprint, offset_ + sizeof(Footer), numbers, 0};
  footer.footer_checksum = footer_checksum(footer);
  append_(&footer, sizeof footer);
}

SealedFile::State SealedFile::open(const std::filesystem::path& path, std::string_view magic, uint64_t fingerprint, SealedFile& file) {
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) return State::missing;
  SealedFile opened;
  opened.file_ = MappedFile(path);
  const std::string_view text = opened.file_.text();
  Footer footer;
  if (text.size() < magic.size() + sizeof footer || !text.starts_with(magic)) return State::damaged;
  opened.content_end_ = text.size() - sizeof footer;
  std::memcpy(&footer, text.data() + opened.content_end_, sizeof footer);
  if (footer.footer_checksum != footer_checksum(footer) || footer.file_size != text.size()) return State::damaged;
  if (footer.fingerprint != fingerprint) return State::stale;
  if (hash_file(opened.file_, opened.content_end_) != footer.checksum) return State::damaged;
  opened.numbers_ = footer.numbers;
  file = std::move(opened);
  return State::good;
}

void open_or_make(const std::filesystem::path& path, const std::function<SealedFile::State()>& open, const std::function<void()>& make) {
  const SealedFile::State found = open();
  if (found == SealedFile::State::good) return;
  if (found == SealedFile::State::damaged) log_warning("{} is damaged or was cut; it is made again", path.string());
  make();
  if (open() != SealedFile::State::good)
    fail(ErrorCode::io, "{} was written but does not read back as it was; check the disk", path.string());
}

}  // namespace qkv
