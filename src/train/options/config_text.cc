#include "train/options/config_text.h"

#include <filesystem>
#include <string>
#include <vector>

#include "base/option_error.h"
#include "base/split.h"
#include "base/utf8.h"
#include "train/options/given_options.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += std::string("\\") + c;
    } else if (code < 0x20 || code == 0x7F) {
      out += fmt::format("\\u{:04x}", code);
    } else {
      out += c;
    }
  }
  return out + "\"";
}

// A list if there are several values.
std::string toml_value(const TrainOption& option, const std::string& value) {
  if (!option.several || value.find(kBetweenFiles) == std::string::npos) return toml_string(value);
  std::string list;
  for (const std::string& file : split(value, kBetweenFiles)) list += (list.empty() ? "" : ", ") + toml_string(file);
  return "[" + list + "]";
}

bool is_number_or_flag(const TrainOption& option) {
  return option.type == OptionType::flag || option.type == OptionType::integer || option.type == OptionType::number;
}

// A preset that read_config_file would not take beside the task: options that a program set without one.
bool preset_fits(const TrainOptions& options) {
  try {
    TrainOptions preset;
    apply_preset(preset, options.preset);
    return preset.task == options.task;
  } catch (const Error&) {
    return false;
  }
}

bool is_written(const TrainOption& option, const TrainOptions& options, const std::string& value) {
  if (value.empty() || is_short_form(option.name)) return false;
  if (option.name == "preset") return preset_fits(options);
  const bool of_this_session = option.name == "resume" || option.name == "overwrite";
  return (!of_this_session || value == "true") && unused_reason(options, option.name).empty();
}

}  // namespace

std::string config_text(const TrainOptions& options) {
  std::string text = "# All options of a training; qkv train --config reads them.\n", group;
  for (const TrainOption& option : train_option_table()) {
    const std::string value = option.get(options);
    if (!is_written(option, options, value)) continue;
    if (!is_valid_utf8(value)) {
      fail_option(ErrorCode::invalid_argument, "`{}` {}: the name is no UTF-8, which a TOML file must be; rename it", option.field,
                  replace_invalid_utf8(value));
    }
    if (option.group != group) text += fmt::format("\n# {}\n", option.group);
    group = option.group;
    text += fmt::format("{} = {}\n", option.name, is_number_or_flag(option) ? value : toml_value(option, value));
  }
  return text;
}

TrainOptions kept_options(TrainOptions options) {
  options.resume = options.overwrite = false;
  for (const TrainOption& option : train_option_table()) {
    const std::string paths = option.type == OptionType::path ? option.get(options) : "";
    if (paths.empty()) continue;
    std::string absolute;
    for (const std::string& path : split(paths, kBetweenFiles)) {
      if (!absolute.empty()) absolute += kBetweenFiles;
      absolute += std::filesystem::absolute(path).string();
    }
    option.assign(options, absolute, option.name);
  }
  return options;
}

}  // namespace qkv
