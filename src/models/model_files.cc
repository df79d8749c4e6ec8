#include "models/model_files.h"

#include "base/error.h"
#include "base/hub_cache.h"
#include "formats/gguf_path.h"
#include "models/gguf/gguf_files.h"
#include "models/marian_npz.h"

namespace qkv {
namespace {

// A hint for directories without a model: the training run that they belong to, if any.
std::string way_to_a_model(const std::filesystem::path& directory) {
  std::error_code ignored;
  if (!std::filesystem::exists(directory, ignored)) return "there is nothing of that name";
  if (std::filesystem::exists(directory / "state.json", ignored) && std::filesystem::exists(directory / "weights.safetensors", ignored)) {
    return fmt::format("it is a checkpoint, from which qkv train --resume goes on; the model is in {}",
                       std::filesystem::absolute(directory).lexically_normal().parent_path().parent_path().string());
  }
  if (std::filesystem::exists(directory / "latest", ignored)) {
    return "it holds the checkpoints of a training; name one of them, or the directory above";
  }
  if (std::filesystem::exists(directory / "checkpoints", ignored)) {
    return "it holds checkpoints of a training that has not come to its first validation; go on with qkv train --resume";
  }
  return "name the directory of a model that qkv train or save_pretrained wrote";
}

std::filesystem::path config_path(const std::filesystem::path& directory) {
  std::error_code error;
  const bool there = std::filesystem::is_regular_file(directory / "config.json", error);
  if (error == std::errc::permission_denied) fail(ErrorCode::io, "cannot read {}: {}", directory.string(), error.message());
  if (!there) {
    fail(ErrorCode::io, "{} has no config.json; {}", directory.string(), way_to_a_model(directory));
  }
  return directory / "config.json";
}

}  // namespace

ModelFiles open_model_files(const std::filesystem::path& path) {
  const std::filesystem::path directory = model_directory_at(path);
  if (const std::filesystem::path gguf = find_gguf(directory); !gguf.empty()) return open_gguf_files(gguf);
  if (const auto marian = find_marian(directory)) return open_marian(*marian);
  ModelFiles files{directory, ConfigReader(config_path(directory)), {}, [directory] { return WeightFiles(directory); }};
  std::error_code ignored;
  if (std::filesystem::exists(directory / "generation_config.json", ignored)) {
    files.generation.emplace(directory / "generation_config.json");
  }
  return files;
}

}  // namespace qkv
