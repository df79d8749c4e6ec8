// TrainOptions from what was given: command line over config file over preset.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "qkv/trainer.h"

namespace qkv {

// One option as somebody wrote it.
struct OptionSetting {
  std::string name;  // of train_option_table(), or "config" on the command line
  std::string text;
  std::string label;  // for messages: "--lr", "recipe.toml:3: lr"
};

// The keys of a TOML file, in its order. Throws Error(invalid_argument) for a key that no option has (it names the nearest one) and for a
// value that is no string, number, boolean or list of numbers.
std::vector<OptionSetting> read_config_file(const std::filesystem::path& path);

// Applies the preset, then the file that "config" names, then the rest. Throws Error(invalid_argument) with the option's label.
TrainOptions resolve_train_options(std::span<const OptionSetting> command_line);

// Throws Error(invalid_argument) where an option is missing or two contradict each other. train() checks for itself.
void check_train_options(const TrainOptions& options);

}  // namespace qkv
