// Directories of Marian and OPUS-MT: decoder.yml names the weights and the vocabularies, which lie beside it.
#pragma once

#include <filesystem>
#include <optional>
#include <vector>

#include "formats/json.h"

namespace qkv {

struct MarianDirectory {
  std::filesystem::path settings;                   // decoder.yml
  nlohmann::json decoder;                           // its content
  std::filesystem::path weights;                    // the .npz
  std::vector<std::filesystem::path> vocabularies;  // of the source and the target: .yml or .spm
};

// Nothing if the directory has no decoder.yml, or has a config.json and so is one of transformers. Only the names of the files count, not
// the directories that decoder.yml gives for them. Throws Error(bad_input) that names decoder.yml if it is damaged or names files that are
// not there, Error(unsupported) for several models that vote.
std::optional<MarianDirectory> find_marian(const std::filesystem::path& directory);

}  // namespace qkv
