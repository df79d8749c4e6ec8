// The files of a model in the form of a Hugging Face directory, whatever format they have.
#pragma once

#include <filesystem>
#include <functional>
#include <optional>

#include "io/weight_files.h"
#include "models/architecture.h"
#include "models/config_reader.h"

namespace qkv {

struct ModelFiles {
  std::filesystem::path directory;         // its directory; for messages, and where other files of the model are
  ConfigReader config;                     // config.json, or what another format's settings say in its keys
  std::optional<ConfigReader> generation;  // generation_config.json
  std::function<WeightFiles()> open_weights;
  // The class, with the names and the arrangement that the weights have in this format; null: as config.json says.
  const Architecture* architecture = nullptr;
};

// Opens what `path` names (base/hub_cache.h): a directory with config.json, a GGUF file or a directory with one, or one of Marian with
// decoder.yml (models/marian_npz.h). Throws one line that says what is missing, or which other kind of directory it is.
ModelFiles open_model_files(const std::filesystem::path& path);

}  // namespace qkv
