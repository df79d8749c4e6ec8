// The options of a record, DIR/run.json, so that an interrupted one can go on.
#pragma once

#include "lab/record/runner.h"

namespace qkv::lab {

// Written before anything runs; paths are absolute.
void keep_options(const RunOptions& options);
// Throws Error(bad_input) if the directory has no such file or the file has another form.
RunOptions kept_options(const std::filesystem::path& directory);

}  // namespace qkv::lab
