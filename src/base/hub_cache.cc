#include "base/hub_cache.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/files.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

bool is_model_file(const fs::path& path) {
  const std::string name = path.filename().string();
  return name == "config.json" || name.ends_with(".safetensors") || name.ends_with(".index.json") || name.ends_with(".npz") ||
         (name.starts_with("pytorch_model") && name.ends_with(".bin"));
}

fs::path snapshot_of(const fs::path& repository) {
  const fs::path snapshots = repository / "snapshots";
  if (is_file(repository / "refs" / "main")) {
    std::string revision = read_file(repository / "refs" / "main");
    revision.erase(std::find_if(revision.begin(), revision.end(), [](char c) { return c == '\n' || c == '\r'; }), revision.end());
    std::error_code ignored;
    const bool plain = !revision.empty() && revision[0] != '.' && revision.find_first_of(std::string_view("/\0", 2)) == std::string::npos;
    if (plain && fs::is_directory(snapshots / revision, ignored)) return snapshots / revision;
    fail(ErrorCode::bad_input, "{}: refs/main names the snapshot \"{}\", which is not there; download the model again", repository.string(),
         shortened(revision, 60));
  }
  std::vector<std::string> names;
  std::error_code error;
  for (fs::directory_iterator entry(snapshots, error), end; !error && entry != end; entry.increment(error)) {
    names.push_back(entry->path().filename().string());
  }
  if (error) fail(ErrorCode::io, "cannot list {}: {}", snapshots.string(), error.message());
  if (names.size() == 1) return snapshots / names[0];
  if (names.empty()) fail(ErrorCode::bad_input, "{} has no snapshot; download the model again", repository.string());
  std::sort(names.begin(), names.end());
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + shortened(name, 60);
  fail(ErrorCode::bad_input, "{} has several snapshots and no refs/main; name one of them: {}", repository.string(), shortened(list, 400));
}

}  // namespace

fs::path model_directory_at(const fs::path& path) {
  std::error_code ignored;
  if (is_model_file(path) && is_file(path)) return path.has_parent_path() ? path.parent_path() : fs::path(".");
  const bool repository = fs::is_directory(path / "snapshots", ignored) && !is_there(path / "config.json");
  return repository ? snapshot_of(path) : path;
}

}  // namespace qkv
