// Checks options that were given together, beyond their individual values.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "train/options/options.h"

namespace qkv {

// The last setting with this name, which takes effect; null if there is none.
const OptionSetting* last_of(std::span<const OptionSetting> settings, std::string_view name);

// The reason why an option of this name would be ignored: it belongs to another task, or another option overrides it. Empty if it is used.
std::string unused_reason(const TrainOptions& options, std::string_view name);
// Throws Error(invalid_argument) for a setting that would be ignored.
void check_used(const TrainOptions& options, std::span<const OptionSetting> settings);

// Shortens a warm-up that is longer than the cosine schedule to a tenth of it, with a warning. A warm-up from a source of equal or higher
// precedence than the number of steps is kept: the command line precedes the file, and the file precedes the preset.
void shorten_warmup(TrainOptions& options, std::span<const OptionSetting> file, std::span<const OptionSetting> command_line);

std::string name_of(TrainTask task);  // as in --task

}  // namespace qkv
