#include "base/number_text.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <limits>
#include <system_error>

namespace qkv {
namespace {

template <typename Number>
struct Parsed {
  Number number{};
  std::errc error{};
};

// The whole of `text`; invalid_argument where something is left over.
template <typename Number>
Parsed<Number> parse(const std::string& text) {
  Parsed<Number> parsed;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, parsed.number);
  parsed.error = stop == end ? error : std::errc::invalid_argument;
  return parsed;
}

template <typename Bound>
std::string too_small(const std::string& text, Bound low) {
  return fmt::format("{} is too small; it must be at least {}", text, low);
}
template <typename Bound>
std::string too_large(const std::string& text, Bound high) {
  return fmt::format("{} is too large; it must be at most {}", text, high);
}

}  // namespace

std::string whole_number_fault(const std::string& text, int64_t low, uint64_t high) {
  if (text.starts_with('-')) {
    const auto [number, error] = parse<int64_t>(text);
    if (error == std::errc::invalid_argument) return fmt::format("\"{}\" is not a whole number", text);
    return error != std::errc() || number < low ? too_small(text, low) : "";
  }
  const auto [number, error] = parse<uint64_t>(text);
  if (error == std::errc::invalid_argument) return fmt::format("\"{}\" is not a whole number", text);
  if (error != std::errc() || number > high) return too_large(text, high);
  return low > 0 && number < static_cast<uint64_t>(low) ? too_small(text, low) : "";
}

std::string real_number_fault(const std::string& text, double low, double high, bool below_high) {
  const auto [number, error] = parse<double>(text);
  if (error == std::errc::invalid_argument || number != number) return fmt::format("\"{}\" is not a number", text);
  if (error != std::errc()) return fmt::format("{} is out of the range of numbers", text);
  if (number < low) return too_small(text, low);
  if (below_high ? number < high : number <= high) return "";
  if (std::isinf(number) && high >= std::numeric_limits<float>::max()) return fmt::format("\"{}\" is not a finite number", text);
  return below_high ? fmt::format("{} is too large; it must be less than {}", text, high) : too_large(text, high);
}

std::string with_commas(int64_t number) {
  std::string digits = std::to_string(number);
  for (int64_t i = static_cast<int64_t>(digits.size()) - 3; i > (number < 0); i -= 3) digits.insert(static_cast<size_t>(i), 1, ',');
  return digits;
}

uint64_t parse_whole(const std::string& text) {
  return text.starts_with('-') ? static_cast<uint64_t>(parse<int64_t>(text).number) : parse<uint64_t>(text).number;
}

double parse_real(const std::string& text) { return parse<double>(text).number; }

}  // namespace qkv
