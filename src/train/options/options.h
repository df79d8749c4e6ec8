// Builds TrainOptions from the given settings: the command line precedes the config file, which precedes the preset.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "qkv/trainer.h"

namespace qkv {

// One option as the user wrote it.
struct OptionSetting {
  std::string name;  // a name of train_option_table(), or "config" on the command line
  std::string text;
  std::string label;  // for messages: "--lr", "recipe.toml:3: lr"
};

// Reads the keys of a TOML file in file order. Throws Error(invalid_argument) for an unknown key (with the nearest known one) and for a
// value that is not a string, number, boolean or list of numbers.
std::vector<OptionSetting> read_config_file(const std::filesystem::path& path);

// Applies the preset, then the file named by "config", then the other settings. Throws Error(invalid_argument) with the option's label.
TrainOptions resolve_train_options(std::span<const OptionSetting> command_line);

// Throws Error(invalid_argument) if an option is missing or two options contradict each other. train() calls this itself.
void check_train_options(const TrainOptions& options);

}  // namespace qkv
