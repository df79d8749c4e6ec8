#include "text/tokenizer_files.h"

#include <system_error>

#include "base/error.h"
#include "base/files.h"
#include "text/sentencepiece_directory.h"
#include "text/sentencepiece_file.h"
#include "text/tokenizer_config.h"

namespace qkv {
namespace {

namespace fs = std::filesystem;

bool is_there(const fs::path& file) {
  std::error_code ignored;
  return fs::exists(file, ignored);
}

}  // namespace

TokenizerFiles read_tokenizer_files(const fs::path& path) {
  std::error_code ignored;
  fs::path file = path;
  if (fs::is_directory(path, ignored)) {
    file = path / "tokenizer.json";
    if (!is_there(file)) fail(ErrorCode::io, "{} holds no tokenizer.json; name the directory of a tokenizer or a model", path.string());
  }
  std::string content = read_file(file);
  if (is_sentencepiece(content)) {
    const TokenizerConfig config(file.parent_path());
    return {sentencepiece_json_of(content, config, file.string()), config.text(), file.string()};
  }
  const TokenizerConfig config;
  const fs::path config_file = file.parent_path() / "tokenizer_config.json";
  return {std::move(content), is_there(config_file) ? read_file(config_file) : "", file.string()};
}

}  // namespace qkv
