#include "formats/gguf_path.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "base/error.h"
#include "base/files.h"
#include "formats/gguf.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

bool begins_as_gguf(const fs::path& file) {
  char begin[4] = {};
  std::ifstream(file, std::ios::binary).read(begin, sizeof(begin));
  return GgufMetadata::is_gguf({begin, sizeof(begin)});
}

}  // namespace

fs::path find_gguf(const fs::path& path) {
  if (is_file(path)) return begins_as_gguf(path) ? path : fs::path();
  for (const char* other : {"model.safetensors", "model.safetensors.index.json", "pytorch_model.bin", "pytorch_model.bin.index.json"}) {
    if (is_there(path / other)) return {};
  }
  std::vector<fs::path> found;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (entry.path().extension() == ".gguf") found.push_back(entry.path());
  }
  if (found.size() < 2) return found.empty() ? fs::path() : found.front();
  std::sort(found.begin(), found.end());
  std::vector<std::string> names;
  for (const fs::path& each : found) names.push_back(each.filename().string());
  fail(ErrorCode::bad_input, "{} has several models; name one of {}", path.string(), fmt::join(names, ", "));
}

}  // namespace qkv
