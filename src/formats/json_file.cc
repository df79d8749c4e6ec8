#include "formats/json_file.h"

#include <algorithm>
#include <cctype>
#include <limits>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "base/foreign_file.h"
#include "formats/json.h"

namespace qkv {
namespace {

constexpr int kDeepest = 100;  // nlohmann::json frees a value recursively: deeper ones could overflow the stack

// Constants that Python's json writes although they are not valid JSON numbers.
constexpr std::pair<std::string_view, double> kConstants[] = {{"-Infinity", -std::numeric_limits<double>::infinity()},
                                                              {"Infinity", std::numeric_limits<double>::infinity()},
                                                              {"NaN", std::numeric_limits<double>::quiet_NaN()}};

// A string of the constant's length, so that places in messages stay right; no real file has strings of control characters only.
std::string stand_in(std::string_view constant) { return std::string(constant.size() - 2, '\x7F'); }

// Replaces the constants outside of strings by stand-ins. Returns true if there were any.
bool replace_constants(std::string& text) {
  bool in_string = false, found = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"') in_string = !in_string;
    if (in_string && text[i] == '\\') ++i;  // and the escaped character
    if (in_string) continue;
    for (const auto& [name, value] : kConstants) {
      if (text.compare(i, name.size(), name) != 0) continue;
      text.replace(i, name.size(), '"' + stand_in(name) + '"');
      i += name.size() - 1;
      found = true;
      break;
    }
  }
  return found;
}

}  // namespace

nlohmann::json read_json_object(const std::filesystem::path& path) {
  std::string text = read_file(path);
  if (const std::string_view kind = foreign_file(text); !kind.empty()) fail(ErrorCode::bad_input, "{} is {}", path.string(), kind);
  const bool has_constants = replace_constants(text);
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kDeepest) fail(ErrorCode::bad_input, "{}: lists or objects are nested more than {} deep", path.string(), kDeepest);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second) {
      fail(ErrorCode::bad_input, "{} has the key \"{}\" twice", path.string(), shortened(value.get<std::string>()));
    }
    if (has_constants && event == Event::value && value.is_string()) {
      const std::string read = value.get<std::string>();
      for (const auto& [name, number] : kConstants) {
        if (read == stand_in(name)) value = number;
      }
    }
    return true;
  };
  nlohmann::json parsed;
  try {
    parsed = nlohmann::json::parse(text, watch);
  } catch (const nlohmann::json::parse_error& error) {
    const size_t at = std::min(error.byte == 0 ? 0 : error.byte - 1, text.size());
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<int64_t>(at), '\n');
    const size_t line_start = at == 0 ? 0 : text.rfind('\n', at - 1) + 1;
    fail(ErrorCode::bad_input, "{}:{}:{}: not valid JSON; the file is damaged or was cut", path.string(), line, at - line_start + 1);
  } catch (const nlohmann::json::exception&) {
    fail(ErrorCode::bad_input, "{}: a number is too large to be read", path.string());
  }
  if (!parsed.is_object()) fail(ErrorCode::bad_input, "{}: a JSON object {{…}} was expected", path.string());
  return parsed;
}

}  // namespace qkv
