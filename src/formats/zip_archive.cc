#include "formats/zip_archive.h"

#include <minizip/unzip.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>
#include <utility>
#include <vector>

#include "base/error.h"

namespace qkv {
namespace {

constexpr uint64_t kMostExpansion = 32, kAlwaysAllowed = uint64_t{1} << 20;
constexpr size_t kLongestName = 1'000;

// A file in memory, as minizip's functions of files see it.
struct MemoryStream {
  std::string_view bytes;
  uint64_t at = 0;
};

MemoryStream& stream_of(voidpf stream) { return *static_cast<MemoryStream*>(stream); }

uLong read_memory(voidpf, voidpf stream, void* to, uLong size) {
  MemoryStream& in = stream_of(stream);
  const uint64_t count = std::min<uint64_t>(size, in.bytes.size() - in.at);
  if (count > 0) std::memcpy(to, in.bytes.data() + in.at, count);
  in.at += count;
  return static_cast<uLong>(count);
}

long seek_memory(voidpf, voidpf stream, ZPOS64_T offset, int origin) {
  MemoryStream& in = stream_of(stream);
  const uint64_t from = origin == ZLIB_FILEFUNC_SEEK_CUR ? in.at : origin == ZLIB_FILEFUNC_SEEK_END ? in.bytes.size() : 0;
  if (offset > in.bytes.size() - from) return -1;
  in.at = from + offset;
  return 0;
}

zlib_filefunc64_def memory_functions(MemoryStream* stream) {
  return {.zopen64_file = [](voidpf opaque, const void*, int) -> voidpf { return opaque; },
          .zread_file = read_memory,
          .zwrite_file = [](voidpf, voidpf, const void*, uLong) -> uLong { return 0; },
          .ztell64_file = [](voidpf, voidpf opened) -> ZPOS64_T { return stream_of(opened).at; },
          .zseek64_file = seek_memory,
          .zclose_file = [](voidpf, voidpf) { return 0; },
          .zerror_file = [](voidpf, voidpf) { return 0; },
          .opaque = stream};
}

}  // namespace

struct ZipArchive::Handle {
  explicit Handle(std::string_view bytes) : stream{bytes} {
    zlib_filefunc64_def functions = memory_functions(&stream);
    zip = unzOpen2_64("", &functions);
  }
  ~Handle() {
    if (zip) unzClose(zip);
  }
  MemoryStream stream;
  unzFile zip = nullptr;
  std::map<std::string, unz64_file_pos> places;
};

void ZipArchive::damaged(std::string_view what) const { fail(ErrorCode::bad_input, "{}: {}; the file is damaged or was cut", file_, what); }

ZipArchive::ZipArchive(std::string_view bytes, std::string file)
    : bytes_(bytes), file_(std::move(file)), handle_(std::make_unique<Handle>(bytes)) {
  if (!handle_->zip) damaged("the directory at the end of the zip archive is missing");
  uint64_t unpacked = 0;
  for (int found = unzGoToFirstFile(handle_->zip); found != UNZ_END_OF_LIST_OF_FILE; found = unzGoToNextFile(handle_->zip)) {
    if (found != UNZ_OK) damaged("the directory of the zip archive cannot be read");
    std::string name;
    const Member member = read_member(name);
    unz64_file_pos place{};
    if (unzGetFilePos64(handle_->zip, &place) != UNZ_OK) damaged("the directory of the zip archive cannot be read");
    if (!members_.emplace(name, member).second) damaged(fmt::format("the zip archive has \"{}\" twice", shortened(name, 100)));
    handle_->places[name] = place;
    if (__builtin_add_overflow(unpacked, member.size, &unpacked) || unpacked > bytes.size() * kMostExpansion + kAlwaysAllowed) {
      fail(ErrorCode::bad_input, "{}: it would unpack to more than {} times its size; no file of weights does", file_, kMostExpansion);
    }
  }
  check_overlaps();
}

ZipArchive::~ZipArchive() = default;

// The member at which the handle is.
ZipArchive::Member ZipArchive::read_member(std::string& name) {
  unz_file_info64 info{};
  name.resize(kLongestName);
  if (unzGetCurrentFileInfo64(handle_->zip, &info, name.data(), name.size(), nullptr, 0, nullptr, 0) != UNZ_OK) {
    damaged("the directory of the zip archive cannot be read");
  }
  if (info.size_filename >= kLongestName) damaged("a name in the zip archive is too long");
  name.resize(info.size_filename);
  const std::string shown = shortened(name, 100);
  if ((info.flag & 1) != 0) fail(ErrorCode::unsupported, "{}: \"{}\" in the zip archive is encrypted", file_, shown);
  if (info.compression_method != 0 && info.compression_method != Z_DEFLATED) {
    fail(ErrorCode::unsupported, "{}: \"{}\" is packed with method {} of zip; only stored and deflated ones are read", file_, shown,
         info.compression_method);
  }
  int method = 0, level = 0;
  constexpr int kRaw = 1;
  if (unzOpenCurrentFile2(handle_->zip, &method, &level, kRaw) != UNZ_OK) {
    damaged(fmt::format("\"{}\" in the zip archive does not begin as its directory says", shown));
  }
  const uint64_t begin = unzGetCurrentFileZStreamPos64(handle_->zip);
  unzCloseCurrentFile(handle_->zip);
  if (begin > bytes_.size() || info.compressed_size > bytes_.size() - begin) {
    damaged(fmt::format("\"{}\" in the zip archive ends behind the file's end", shown));
  }
  const bool stored = info.compression_method == 0;
  if (stored && info.compressed_size != info.uncompressed_size) {
    damaged(fmt::format("\"{}\" in the zip archive is not packed but has two sizes", shown));
  }
  return {bytes_.substr(begin, info.compressed_size), info.uncompressed_size, stored};
}

void ZipArchive::check_overlaps() const {
  std::vector<std::string_view> ranges;
  for (const auto& [name, member] : members_) ranges.push_back(member.packed);
  std::sort(ranges.begin(), ranges.end(), [](auto a, auto b) { return std::pair(a.data(), a.size()) < std::pair(b.data(), b.size()); });
  for (size_t i = 1; i < ranges.size(); ++i) {
    if (ranges[i - 1].data() + ranges[i - 1].size() > ranges[i].data()) damaged("members of the zip archive overlap");
  }
}

std::string ZipArchive::unpack(const std::string& name) const {
  const Member& member = members_.at(name);
  std::string content(member.size, '\0');
  size_t done = 0;
  bool whole = unzGoToFilePos64(handle_->zip, &handle_->places.at(name)) == UNZ_OK && unzOpenCurrentFile(handle_->zip) == UNZ_OK;
  while (whole && done < content.size()) {
    const auto wanted = static_cast<unsigned>(std::min<size_t>(content.size() - done, size_t{1} << 30));
    const int count = unzReadCurrentFile(handle_->zip, content.data() + done, wanted);
    whole = count > 0;
    if (whole) done += static_cast<size_t>(count);
  }
  if (!whole || unzCloseCurrentFile(handle_->zip) != UNZ_OK) {
    damaged(fmt::format("\"{}\" in the zip archive cannot be unpacked or has the wrong checksum", shortened(name, 100)));
  }
  return content;
}

}  // namespace qkv
