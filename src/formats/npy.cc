#include "formats/npy.h"

#include <algorithm>
#include <cctype>
#include <charconv>

#include "base/error.h"

namespace qkv {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";

// The dictionary of the header: {'descr': '<f4', 'fortran_order': False, 'shape': (3, 4), }
class HeaderParser {
 public:
  HeaderParser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  void parse(NpyArray& array) {
    std::string seen;
    expect('{');
    while (!accept('}')) {
      const std::string_view key = quoted();
      expect(':');
      if (key == "descr") {
        array.type = quoted();
      } else if (key == "fortran_order") {
        const bool yes = accept_word("True");
        if (!yes && !accept_word("False")) damaged();
        array.fortran_order = yes;
      } else if (key == "shape") {
        array.shape = tuple();
      } else {
        damaged();
      }
      if (seen.find(key) != std::string::npos) damaged();
      seen += key;
      if (!accept(',') && !accept('}')) damaged();
      if (text_[at_ - 1] == '}') break;
    }
    skip_space();
    constexpr size_t kAllKeys = std::string_view("descrfortran_ordershape").size();
    if (at_ != text_.size() || seen.size() != kAllKeys) damaged();
  }

 private:
  [[noreturn]] void damaged() const {
    fail(ErrorCode::bad_input, "{}: the header of the array is not NumPy's: {}", file_, shortened(std::string(text_), 100));
  }
  void skip_space() {
    while (at_ < text_.size() && std::isspace(static_cast<unsigned char>(text_[at_])) != 0) ++at_;
  }
  bool accept(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) damaged();
  }
  bool accept_word(std::string_view word) {
    skip_space();
    if (!text_.substr(at_).starts_with(word)) return false;
    at_ += word.size();
    return true;
  }
  std::string_view quoted() {
    const char quote = accept('\'') ? '\'' : '"';
    if (quote == '"') expect('"');
    const size_t end = text_.find(quote, at_);
    if (end == std::string_view::npos) damaged();
    const std::string_view content = text_.substr(at_, end - at_);
    at_ = end + 1;
    return content;
  }
  std::vector<int64_t> tuple() {
    std::vector<int64_t> numbers;
    expect('(');
    while (!accept(')')) {
      skip_space();
      int64_t number = -1;
      const auto [stop, error] = std::from_chars(text_.data() + at_, text_.data() + text_.size(), number);
      if (error != std::errc() || number < 0) damaged();
      at_ = static_cast<size_t>(stop - text_.data());
      accept('L');  // Python 2's long integers
      numbers.push_back(number);
      if (!accept(',') && (at_ >= text_.size() || text_[at_] != ')')) damaged();
    }
    return numbers;
  }

  std::string_view text_;
  const std::string& file_;
  size_t at_ = 0;
};

uint64_t little_endian(std::string_view bytes) {
  uint64_t value = 0;
  for (size_t i = bytes.size(); i > 0; --i) value = value << 8 | static_cast<unsigned char>(bytes[i - 1]);
  return value;
}

}  // namespace

// Version 1.0 of the format: magic, version, 2 bytes of length, a dictionary of Python padded to a multiple of 64 bytes.
std::string npy_header(int64_t rows, int64_t cols) {
  constexpr size_t kBefore = 10, kAligned = 64;
  std::string text = fmt::format("{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {}), }}", rows, cols);
  text.append((kAligned - (kBefore + text.size() + 1) % kAligned) % kAligned, ' ');
  text += '\n';
  std::string header("\x93NUMPY\x01\x00", 8);
  header += static_cast<char>(text.size() & 0xFF);
  header += static_cast<char>(text.size() >> 8);
  return header + text;
}

NpyArray parse_npy(std::string_view bytes, const std::string& file) {
  const auto damaged = [&](std::string_view what) { fail(ErrorCode::bad_input, "{}: {}; the file is damaged or was cut", file, what); };
  constexpr size_t kVersion = 8;  // after the magic number and two bytes of version
  if (bytes.size() < kVersion + 4 || !bytes.starts_with(kMagic)) damaged("it is no array of NumPy");
  const char version = bytes[kMagic.size()];
  if (version < 1 || version > 3) fail(ErrorCode::unsupported, "{}: version {} of NumPy's format is not known", file, int{version});
  const size_t length_bytes = version == 1 ? 2 : 4;
  const uint64_t length = little_endian(bytes.substr(kVersion, length_bytes));
  const std::string_view rest = bytes.substr(kVersion + length_bytes);
  if (length > rest.size()) damaged("its header ends behind its end");
  NpyArray array;
  HeaderParser(rest.substr(0, length), file).parse(array);
  array.values = rest.substr(length);

  const char order = array.type.empty() ? ' ' : array.type[0];
  if (array.type.size() != 3 || std::string_view("<|").find(order) == std::string_view::npos || array.type == "|O8") {
    fail(ErrorCode::unsupported, "{}: elements of type \"{}\"; only little-endian numbers are read", file, shortened(array.type, 30));
  }
  array.type.erase(0, 1);
  uint64_t expected = static_cast<uint64_t>(array.type[1] - '0');
  if (expected == 0 || expected > 8) damaged(fmt::format("it has elements of type \"{}\"", array.type));
  for (const int64_t dim : array.shape) {
    if (__builtin_mul_overflow(expected, static_cast<uint64_t>(dim), &expected)) damaged("it has more values than can be counted");
  }
  if (expected != array.values.size()) damaged(fmt::format("its shape needs {} bytes, it has {}", expected, array.values.size()));
  return array;
}

}  // namespace qkv
