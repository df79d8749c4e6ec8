// What the options that somebody gave mean together, besides their values: train/options.h.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "train/options/options.h"

namespace qkv {

// The last of that name, which counts; null: none.
const OptionSetting* last_of(std::span<const OptionSetting> settings, std::string_view name);

// Throws Error(invalid_argument) for a setting that would be ignored: it belongs to another task, or another option leaves nothing for it
// to decide.
void check_used(const TrainOptions& options, std::span<const OptionSetting> settings);

// Makes the warm-up a tenth of a cosine that somebody shortened below it, with a warning. A warm-up that is given beside the number of
// steps, or above it, is left alone: the command line is above the file, the file above the preset.
void shorten_warmup(TrainOptions& options, std::span<const OptionSetting> file, std::span<const OptionSetting> command_line);

std::string name_of(TrainTask task);  // as --task has it

}  // namespace qkv
