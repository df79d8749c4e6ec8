// Every training option once: its name on the command line and in a config file, its help, how it is read and written.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/trainer.h"

namespace qkv {

struct TrainOption {
  std::string name;   // "batch-tokens": --batch-tokens on the command line, batch-tokens or batch_tokens in a config file
  std::string group;  // heading in the help
  std::string value;  // what stands for the value in the help, "N"; empty: a flag
  std::string help;
  bool decides_weights;  // a resumed training must have the same value, or its weights would be others
  // Reads a value. `label` names the option and where it was given, for messages: "--lr", "recipe.toml:3: lr".
  std::function<void(TrainOptions&, const std::string& text, const std::string& label)> set;
  std::function<std::string(const TrainOptions&)> get;

  bool is_flag() const { return value.empty(); }
};

// All options, in the order of the help, but for --config, which names a file of them.
std::span<const TrainOption> train_option_table();

// The entry of that name ('_' counts as '-'), or null.
const TrainOption* find_train_option(std::string_view name);

// \n, \t and \\ as they are written on a command line, and back. Throws Error(invalid_argument) with `label` for another escape.
std::string unescape(std::string_view text, const std::string& label);
std::string escape(std::string_view text);

}  // namespace qkv
