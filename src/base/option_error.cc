#include "base/option_error.h"

#include <algorithm>
#include <vector>

namespace qkv {
namespace {

constexpr char kMark = '\x1F';  // on both sides of a field

bool is_name(std::string_view text) {
  return !text.empty() &&
         std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; });
}

}  // namespace

std::string mark_fields(std::string_view format) {
  std::string marked(format);
  std::replace(marked.begin(), marked.end(), '`', kMark);
  return marked;
}

OptionError option_error(ErrorCode code, std::string_view marked_message) {
  std::string text;
  std::vector<OptionError::Place> fields;
  for (size_t i = 0; i < marked_message.size(); ++i) {
    const size_t end = marked_message[i] == kMark ? marked_message.find(kMark, i + 1) : std::string_view::npos;
    const std::string_view name = end == std::string_view::npos ? std::string_view() : marked_message.substr(i + 1, end - i - 1);
    if (is_name(name)) {
      fields.push_back({text.size(), text.size() + name.size()});
      text += name;
      i = end;
    } else {
      text += marked_message[i];
    }
  }
  const std::string line = one_line(text);
  if (line.size() != text.size()) {  // its middle was left out: places before it are still right
    const size_t same = static_cast<size_t>(std::mismatch(line.begin(), line.end(), text.begin(), text.end()).first - line.begin());
    std::erase_if(fields, [&](const OptionError::Place& place) { return place.end > same; });
  }
  return {code, line, std::move(fields)};
}

}  // namespace qkv
