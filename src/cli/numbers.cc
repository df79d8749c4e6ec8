#include "cli/numbers.h"

#include <fmt/format.h>

#include <charconv>
#include <string>

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

// Empty: right.
std::string check_whole(const std::string& text, int64_t low, uint64_t high) {
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

std::string check_real(const std::string& text, double low, double high) {
  const auto [number, error] = parse<double>(text);
  if (error == std::errc::invalid_argument || number != number) return fmt::format("\"{}\" is not a number", text);
  if (error != std::errc()) return fmt::format("{} is out of the range of numbers", text);
  if (number < low) return too_small(text, low);
  if (number <= high) return "";
  return high == std::numeric_limits<double>::max() ? fmt::format("\"{}\" is not a finite number", text) : too_large(text, high);
}

}  // namespace

CLI::Validator whole_number(int64_t low, uint64_t high) {
  return CLI::Validator([=](std::string& text) { return check_whole(text, low, high); }, "");
}

CLI::Validator real_number(double low, double high) {
  return CLI::Validator([=](std::string& text) { return check_real(text, low, high); }, "");
}

}  // namespace qkv
