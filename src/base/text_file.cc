#include "base/text_file.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"

namespace qkv {
namespace {

using namespace std::string_view_literals;

constexpr size_t kLook = 4096;  // bytes that are looked at for zeros

constexpr std::array kPacked = {std::pair("\x1f\x8b"sv, "gzip (unpack it with gunzip)"), std::pair("PK\x03\x04"sv, "zip (unpack it)"),
                                std::pair("\xfd\x37zXZ\0"sv, "xz (unpack it with unxz)"),
                                std::pair("\x28\xb5\x2f\xfd"sv, "zstd (unpack it with unzstd)")};

// Text in an encoding of two or four bytes, by its mark or by the zeros that it is full of.
const char* wide_encoding(std::string_view content) {
  if (content.starts_with("\xff\xfe\0\0"sv) || content.starts_with("\0\0\xfe\xff"sv)) return "UTF-32";
  if (content.starts_with("\xff\xfe"sv) || content.starts_with("\xfe\xff"sv)) return "UTF-16";
  const std::string_view head = content.substr(0, kLook);
  const auto zeros = static_cast<size_t>(std::count(head.begin(), head.end(), '\0'));
  if (head.size() < 8 || zeros * 4 < head.size()) return nullptr;
  return zeros * 2 > head.size() + 8 ? "UTF-32" : "UTF-16";
}

// A file that ends lines so has several carriage returns and no line feed at all.
bool has_lone_carriage_returns(std::string_view content) {
  const size_t first = content.find_first_of("\r\n");
  return first != std::string_view::npos && content[first] == '\r' && content.find('\n', first) == std::string_view::npos &&
         content.find('\r', first + 1) != std::string_view::npos;
}

}  // namespace

size_t byte_order_mark_size(std::string_view content) { return content.starts_with("\xef\xbb\xbf"sv) ? 3 : 0; }

void check_is_text(const std::filesystem::path& path, std::string_view content, TextShape shape) {
  for (const auto& [magic, name] : kPacked) {
    if (content.starts_with(magic)) fail(ErrorCode::bad_input, "{} is no text but packed with {}", path.string(), name);
  }
  if (content.starts_with("BZh") && content.substr(4, 6) == "1AY&SY") {
    fail(ErrorCode::bad_input, "{} is no text but packed with bzip2 (unpack it with bunzip2)", path.string());
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
