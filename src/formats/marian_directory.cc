#include "formats/marian_directory.h"

#include <algorithm>
#include <string>

#include "base/error.h"
#include "base/files.h"
#include "formats/yaml.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

// The files of a list (or of one name) in decoder.yml.
std::vector<fs::path> named_files(const MarianDirectory& found, const char* key) {
  const auto value = found.decoder.find(key);
  std::vector<fs::path> files;
  if (value == found.decoder.end()) fail(ErrorCode::bad_input, "{}: the key \"{}\" is missing", found.settings.string(), key);
  const nlohmann::json list = value->is_array() ? *value : nlohmann::json::array({*value});
  for (const nlohmann::json& each : list) {
    const std::string name = each.is_string() ? fs::path(each.get<std::string>()).filename().string() : "";
    const bool plain = !name.empty() && name != "." && name != ".." && name.find('\0') == std::string::npos;
    if (!plain || !is_file(found.settings.parent_path() / name)) {
      fail(ErrorCode::bad_input, "{}: \"{}\" names {}, which is not beside it", found.settings.string(), key,
           shortened(each.is_string() ? name : each.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace), 100));
    }
    files.push_back(found.settings.parent_path() / name);
  }
  return files;
}

}  // namespace

std::optional<MarianDirectory> find_marian(const fs::path& directory) {
  MarianDirectory found{.settings = directory / "decoder.yml"};
  if (!is_file(found.settings) || is_there(directory / "config.json")) return std::nullopt;
  found.decoder = parse_yaml(read_file(found.settings), found.settings.string());
  if (!found.decoder.is_object()) fail(ErrorCode::bad_input, "{} has no keys", found.settings.string());
  const std::vector<fs::path> models = named_files(found, "models");
  if (models.size() != 1) {
    fail(ErrorCode::unsupported, "{}: {} models that vote on each token; only one model is run", found.settings.string(), models.size());
  }
  found.weights = models[0];
  found.vocabularies = named_files(found, "vocabs");
  return found;
}

}  // namespace qkv
