// Options as a TOML file, which read_config_file reads.
#pragma once

#include <string>

#include "qkv/trainer.h"

namespace qkv {

// All options that count for this training, with their values. Reading the text gives the same options. Throws Error(invalid_argument) for
// a path that is no UTF-8, which no TOML can hold.
std::string config_text(const TrainOptions& options);

// The file of an output directory in which a training keeps its options.
inline constexpr const char* kKeptOptions = "training.toml";

// The options as that file holds them: without those of one session alone, and with absolute paths, so that it can be read from anywhere.
TrainOptions kept_options(TrainOptions options);

}  // namespace qkv
