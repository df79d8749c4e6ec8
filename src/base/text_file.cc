#include "base/text_file.h"

#include <algorithm>
#include <array>

#include "base/error.h"

namespace qkv {
namespace {

using namespace std::string_view_literals;

constexpr size_t kLook = 4096;  // bytes that are searched for zeros

// Name and advice, and where its signature is in the content.
struct OtherKind {
  std::string_view magic;
  const char* kind;
  size_t place = 0;
};
constexpr std::array kOthers = {OtherKind{"\x1f\x8b"sv, "packed with gzip (unpack it with gunzip)"},
                                OtherKind{"PK\x03\x04"sv, "packed with zip (unpack it)"},
                                OtherKind{"\xfd\x37zXZ\0"sv, "packed with xz (unpack it with unxz)"},
                                OtherKind{"\x28\xb5\x2f\xfd"sv, "packed with zstd (unpack it with unzstd)"},
                                OtherKind{"\x04\x22\x4d\x18"sv, "packed with lz4 (unpack it with unlz4)"},
                                OtherKind{"\x1f\x9d"sv, "packed with compress (unpack it with uncompress)"},
                                OtherKind{"7z\xbc\xaf\x27\x1c"sv, "packed with 7-Zip (unpack it)"},
                                OtherKind{"1AY&SY"sv, "packed with bzip2 (unpack it with bunzip2)", 4},
                                OtherKind{"ustar"sv, "an archive of tar (unpack it with tar -x)", 257},
                                OtherKind{"PAR1"sv, "a Parquet file (write its texts out as lines)"},
                                OtherKind{"ARROW1"sv, "an Arrow file (write its texts out as lines)"}};

// Detects text with two or four bytes per character, by its mark or by its many zeros.
const char* wide_encoding(std::string_view content) {
  if (content.starts_with("\xff\xfe\0\0"sv) || content.starts_with("\0\0\xfe\xff"sv)) return "UTF-32";
  if (content.starts_with("\xff\xfe"sv) || content.starts_with("\xfe\xff"sv)) return "UTF-16";
  const std::string_view head = content.substr(0, kLook);
  const auto zeros = static_cast<size_t>(std::count(head.begin(), head.end(), '\0'));
  if (head.size() < 8 || zeros * 4 < head.size()) return nullptr;
  return zeros * 2 > head.size() + 8 ? "UTF-32" : "UTF-16";
}

// A file with such line ends has several carriage returns and no line feed at all.
bool has_lone_carriage_returns(std::string_view content) {
  const size_t first = content.find_first_of("\r\n");
  return first != std::string_view::npos && content[first] == '\r' && content.find('\n', first) == std::string_view::npos &&
         content.find('\r', first + 1) != std::string_view::npos;
}

}  // namespace

size_t byte_order_mark_size(std::string_view content) { return content.starts_with("\xef\xbb\xbf"sv) ? 3 : 0; }

void check_is_text(const std::filesystem::path& path, std::string_view content, TextShape shape) {
  for (const OtherKind& other : kOthers) {
    if (content.substr(std::min(other.place, content.size())).starts_with(other.magic)) {
      fail(ErrorCode::bad_input, "{} is no text but {}", path.string(), other.kind);
    }
  }
  if (const char* encoding = wide_encoding(content)) {
    fail(ErrorCode::bad_input, "{} is {}; convert it to UTF-8: iconv -f {} -t UTF-8", path.string(), encoding, encoding);
  }
  if (shape == TextShape::lines && has_lone_carriage_returns(content)) {
    fail(ErrorCode::bad_input, "{}: its lines end with a carriage return alone, as on old Macs; convert them: tr '\\r' '\\n'",
         path.string());
  }
}

}  // namespace qkv
