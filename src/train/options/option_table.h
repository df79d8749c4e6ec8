// Every training option once: its name on the command line and in a config file, its help, how it is read and written.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/option_table.h"
#include "qkv/trainer.h"

namespace qkv {

using TrainOption = TableOption<TrainOptions>;

// All options, in the order of the help, but for --config, which names a file of them.
std::span<const TrainOption> train_option_table();

// The entry of that name ('_' counts as '-'), or null.
const TrainOption* find_train_option(std::string_view name);
std::string field_of(std::string_view name);  // the member that it sets

// \n, \t and \\ as they are written on a command line, and back. Throws Error(invalid_argument) with `label` for another escape.
std::string unescape(std::string_view text, const std::string& label);
std::string escape(std::string_view text);

}  // namespace qkv
