// Defines every training option once: its name on the command line and in config files, its help text, its parser and its formatter.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "base/option_table.h"
#include "qkv/trainer.h"

namespace qkv {

// Between the names of several files in the text of an option: no name can hold it, while a line break may be part of one.
constexpr char kBetweenFiles = '\0';

using TrainOption = TableOption<TrainOptions>;

// All options in the order of the help text, except --config, which names a file of options.
std::span<const TrainOption> train_option_table();

// Returns the entry with that name ('_' is equivalent to '-'), or null.
const TrainOption* find_train_option(std::string_view name);
std::string field_of(std::string_view name);  // the member that it sets
bool is_short_form(std::string_view name);    // of two other options, which win over it

// Converts the escapes \n, \t and \\ of the command line to characters, and back. Throws Error(invalid_argument) with `label` for other
// escapes.
std::string unescape(std::string_view text, const std::string& label);
std::string escape(std::string_view text);

}  // namespace qkv
