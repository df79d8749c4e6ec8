#include "io/json_file.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace qkv {
namespace {

constexpr int kDeepest = 100;  // nlohmann::json frees a value recursively: deeper ones could overflow the stack

}  // namespace

nlohmann::json read_json_object(const std::filesystem::path& path) {
  const std::string text = read_file(path);
  std::vector<std::set<std::string>> keys;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& value) {
    using Event = nlohmann::json::parse_event_t;
    if (depth > kDeepest) fail(ErrorCode::bad_input, "{}: lists or objects are nested more than {} deep", path.string(), kDeepest);
    if (event == Event::object_start) keys.emplace_back();
    if (event == Event::object_end) keys.pop_back();
    if (event == Event::key && !keys.back().insert(value.get<std::string>()).second) {
      fail(ErrorCode::bad_input, "{} has the key \"{}\" twice", path.string(), value.get<std::string>());
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
