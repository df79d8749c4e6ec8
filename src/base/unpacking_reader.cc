#include "base/unpacking_reader.h"

#include <poll.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>
#include <zstd_errors.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/cancellation.h"
#include "base/error.h"

namespace qkv {
namespace {

using namespace std::string_view_literals;

constexpr size_t kReadBytes = size_t{1} << 16;
constexpr int kWakeMilliseconds = 200;     // between two looks at the cancellation token
constexpr int kGzipOnly = 16 + MAX_WBITS;  // zlib's parameter for gzip's header and checksum
constexpr int kMostWindowLog = 27;         // of zstd: 128 MiB, as the zstd program allows by default
constexpr std::string_view kGzip = "\x1f\x8b"sv, kZstd = "\x28\xb5\x2f\xfd"sv, kZstdSkipped = "\x2a\x4d\x18"sv;

enum class Packing { unknown, none, gzip, zstd };

// Skippable frames of zstd begin with one of 16 bytes; pzstd puts one before its data.
bool begins_skipped_frame(std::string_view content) {
  return !content.empty() && (static_cast<unsigned char>(content[0]) & 0xF0) == 0x50 && kZstdSkipped.starts_with(content.substr(1, 3));
}

bool may_become(std::string_view content, std::string_view magic) { return magic.starts_with(content.substr(0, magic.size())); }

// `unknown` where more bytes decide.
Packing packing_of(std::string_view content, bool at_end) {
  if (content.starts_with(kGzip)) return Packing::gzip;
  if (content.starts_with(kZstd) || (content.size() >= 4 && begins_skipped_frame(content))) return Packing::zstd;
  const bool open = content.size() < 4 && (may_become(content, kGzip) || may_become(content, kZstd) || begins_skipped_frame(content));
  return open && !at_end ? Packing::unknown : Packing::none;
}

}  // namespace

bool is_packed(std::string_view content) {
  const Packing packing = packing_of(content, true);
  return packing == Packing::gzip || packing == Packing::zstd;
}

struct UnpackingReader::Impl {
  Impl(int fd, std::string file, const CancellationToken* token) : descriptor(fd), name(std::move(file)), cancellation(token) {}
  ~Impl() {
    if (packing == Packing::gzip) inflateEnd(&gzip);
    ZSTD_freeDStream(zstd);
  }

  // Appends what is there to the raw bytes that are not used yet.
  void fill();
  void choose();
  size_t take_raw(char* data, size_t size);
  size_t inflate_some(char* data, size_t size);
  size_t unzstd_some(char* data, size_t size);
  // At the end of a gzip member: whether another one follows. Zeros behind the last one are padding.
  bool begin_next_member();
  [[noreturn]] void fail_damaged(const char* why) const {
    fail(ErrorCode::bad_input, "{} is damaged: {}; pack or fetch it again", name, why);
  }
  [[noreturn]] void fail_cut() const {
    fail(ErrorCode::bad_input, "{} was cut: its packed content ends too early; pack or fetch it again", name);
  }

  int descriptor;
  std::string name;
  const CancellationToken* cancellation;
  Packing packing = Packing::unknown;
  std::array<char, kReadBytes> buffer;
  size_t begin = 0, end = 0;  // raw bytes that are not used yet
  bool at_end = false;
  bool has_output = false;  // the unpacker may hold more without new input
  bool in_frame = false;    // a gzip member or zstd frame was begun and has not ended
  z_stream gzip{};
  ZSTD_DStream* zstd = nullptr;
};

void UnpackingReader::Impl::fill() {
  std::copy(buffer.begin() + static_cast<ptrdiff_t>(begin), buffer.begin() + static_cast<ptrdiff_t>(end), buffer.begin());
  end -= std::exchange(begin, 0);
  while (!at_end) {
    throw_if_cancelled(cancellation);
    pollfd request{descriptor, POLLIN, 0};
    // A file's descriptor is always ready.
    if (cancellation && ::poll(&request, 1, kWakeMilliseconds) == 0) continue;
    const ssize_t got = ::read(descriptor, buffer.data() + end, buffer.size() - end);
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got < 0) fail(ErrorCode::io, "cannot read {}: {}", name, std::generic_category().message(errno));
    at_end = got == 0;
    end += static_cast<size_t>(got);
    return;
  }
}

void UnpackingReader::Impl::choose() {
  while (packing == Packing::unknown) {
    fill();
    packing = packing_of({buffer.data() + begin, end - begin}, at_end);
  }
  if (packing == Packing::gzip && inflateInit2(&gzip, kGzipOnly) != Z_OK) fail(ErrorCode::io, "cannot unpack {}: no memory", name);
  if (packing == Packing::zstd) {
    zstd = ZSTD_createDStream();
    if (!zstd) fail(ErrorCode::io, "cannot unpack {}: no memory", name);
    ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, kMostWindowLog);
  }
  in_frame = packing == Packing::gzip || packing == Packing::zstd;
}

size_t UnpackingReader::Impl::take_raw(char* data, size_t size) {
  if (begin == end) fill();
  const size_t count = std::min(size, end - begin);
  std::copy_n(buffer.data() + begin, count, data);
  begin += count;
  return count;
}

bool UnpackingReader::Impl::begin_next_member() {
  bool padded = false;
  for (;;) {
    while (begin < end && buffer[begin] == '\0') {
      ++begin;
      padded = true;
    }
    if (end - begin >= kGzip.size() || (at_end && begin < end)) break;
    if (at_end) return false;
    fill();
  }
  if (padded || !std::string_view(buffer.data() + begin, end - begin).starts_with(kGzip)) {
    fail_damaged("something else follows its gzip data");
  }
  inflateReset(&gzip);
  in_frame = true;
  return true;
}

size_t UnpackingReader::Impl::inflate_some(char* data, size_t size) {
  gzip.next_out = reinterpret_cast<Bytef*>(data);
  gzip.avail_out = static_cast<uInt>(std::min<size_t>(size, size_t{1} << 30));
  const uInt room = gzip.avail_out;
  while (gzip.avail_out == room) {
    if (!in_frame && !begin_next_member()) return 0;
    if (begin == end && !has_output) {
      fill();
      if (begin == end) fail_cut();
    }
    gzip.next_in = reinterpret_cast<Bytef*>(buffer.data() + begin);
    gzip.avail_in = static_cast<uInt>(end - begin);
    const int result = ::inflate(&gzip, Z_NO_FLUSH);
    begin = end - gzip.avail_in;
    has_output = gzip.avail_out == 0;
    if (result == Z_STREAM_END) {
      in_frame = has_output = false;
    } else if (result != Z_OK && result != Z_BUF_ERROR) {
      fail_damaged(gzip.msg ? gzip.msg : "no gzip data");
    }
  }
  return room - gzip.avail_out;
}

size_t UnpackingReader::Impl::unzstd_some(char* data, size_t size) {
  ZSTD_outBuffer out{data, size, 0};
  while (out.pos == 0) {
    if (begin == end && !has_output) {
      fill();
      if (begin == end) {
        if (in_frame) fail_cut();
        return 0;
      }
    }
    ZSTD_inBuffer in{buffer.data() + begin, end - begin, 0};
    const size_t result = ZSTD_decompressStream(zstd, &out, &in);
    begin += in.pos;
    if (ZSTD_isError(result)) {
      if (ZSTD_getErrorCode(result) == ZSTD_error_frameParameter_windowTooLarge) {
        fail(ErrorCode::bad_input, "{} was packed with a window of more than {} MiB; pack it without --long", name,
             1 << (kMostWindowLog - 20));
      }
      fail_damaged(ZSTD_getErrorName(result));
    }
    in_frame = result != 0;
    has_output = in_frame && out.pos == out.size;
  }
  return out.pos;
}

UnpackingReader::UnpackingReader(int descriptor, std::string name, const CancellationToken* cancellation)
    : impl_(std::make_unique<Impl>(descriptor, std::move(name), cancellation)) {}
UnpackingReader::~UnpackingReader() = default;
UnpackingReader::UnpackingReader(UnpackingReader&&) noexcept = default;

size_t UnpackingReader::read(char* data, size_t size) {
  if (impl_->packing == Packing::unknown) impl_->choose();
  switch (impl_->packing) {
    case Packing::gzip: return impl_->inflate_some(data, size);
    case Packing::zstd: return impl_->unzstd_some(data, size);
    default: return impl_->take_raw(data, size);
  }
}

bool UnpackingReader::has_pending() const { return impl_->begin < impl_->end || impl_->has_output || impl_->at_end; }

}  // namespace qkv
