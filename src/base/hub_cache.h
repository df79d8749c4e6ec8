// Paths at which a model can be named: its directory, a file in it, and its folder in the cache of the Hugging Face Hub.
#pragma once

#include <filesystem>

namespace qkv {

// The directory of the model that `path` names:
// - a file of its weights or its config.json: the directory of the file;
// - models--ORGANIZATION--NAME of the Hub's cache, which holds snapshots/REVISION/ and refs/: the snapshot that refs/main names, or
//   the only one. Its files are links to blobs/.
// Any other path is returned as it is. Throws Error(bad_input) if it cannot be told which snapshot is meant, with their names.
std::filesystem::path model_directory_at(const std::filesystem::path& path);

}  // namespace qkv
