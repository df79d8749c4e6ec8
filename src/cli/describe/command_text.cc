#include "cli/describe/command_text.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "base/split.h"

namespace qkv {
namespace {

std::map<const CLI::App*, std::function<void()>>& updates() {
  static std::map<const CLI::App*, std::function<void()>> map;
  return map;
}

std::string joined(const std::vector<std::string>& parts, const char* separator) {
  std::string text;
  for (const std::string& part : parts) text += (text.empty() ? "" : separator) + part;
  return text;
}

// CLI11 appends what a check accepts: "TYPE:{f32,bf16}", "TEXT:DIR". "f32|bf16" is a list of values, "DIR|FILE" one of kinds.
void read_value(const std::string& type, OptionText& option) {
  const size_t colon = type.find(':');
  option.value = type.substr(0, colon);
  if (colon != std::string::npos) {
    const std::string accepted = type.substr(colon + 1);
    if (accepted.starts_with('{') && accepted.ends_with('}')) {
      option.choices = split(std::string_view(accepted).substr(1, accepted.size() - 2), ',');
      option.value = joined(option.choices, "|");
    } else {
      option.value = accepted;
    }
  } else if (option.value.find('|') != std::string::npos &&
             std::none_of(option.value.begin(), option.value.end(), [](char c) { return c >= 'A' && c <= 'Z'; })) {
    option.choices = split(option.value, '|');
  }
  const auto mentions = [&](const char* word) { return option.value.find(word) != std::string::npos; };
  option.kind = !option.choices.empty() ? ValueKind::choice
                : mentions("FILE")      ? ValueKind::file
                : mentions("DIR")       ? ValueKind::directory
                                        : ValueKind::word;
}

OptionText option_text(const CLI::Option& option) {
  OptionText text;
  for (const std::string& name : option.get_snames()) text.names.push_back("-" + name);
  for (const std::string& name : option.get_lnames()) text.names.push_back("--" + name);
  text.help = option.get_description();
  text.group = option.get_group();
  text.required = option.get_required();
  text.repeated = option.get_items_expected_max() >= CLI::detail::expected_max_vector_size;
  text.takes_several = text.repeated && option.get_allow_extra_args();
  if (option.get_items_expected_max() > 0) {
    const std::string type = option.get_type_name();
    read_value(text.names.empty() && (type.empty() || type == "TEXT") ? option.get_name() : type, text);
    text.default_value = option.get_default_str();
    if (text.default_value.starts_with('[') && text.default_value.ends_with(']'))  // a list's brackets
      text.default_value = text.default_value.substr(1, text.default_value.size() - 2);
  }
  return text;
}

// A line end within a sentence is a space; "Example:" begins a paragraph.
void read_footer(const std::string& footer, CommandText& command) {
  constexpr std::string_view kExample = "Example: ";
  for (std::string line : split(footer, '\n')) {
    const size_t example = line.find(kExample);
    if (example != std::string::npos) {
      command.examples.push_back(line.substr(example + kExample.size()));
      line.resize(example);
    }
    while (line.ends_with(' ')) line.pop_back();
    if (line.empty()) continue;
    const bool goes_on = !command.notes.empty() && !command.notes.back().ends_with('.') && !command.notes.back().ends_with(':');
    if (goes_on) {
      command.notes.back() += " " + line;
    } else {
      command.notes.push_back(line);
    }
  }
}

std::string full_name(const CLI::App& command) {
  return command.get_parent() == nullptr ? command.get_name() : full_name(*command.get_parent()) + " " + command.get_name();
}

// An argument COMMAND is one of the commands beside its own.
void name_commands(CommandText& program) {
  std::vector<std::string> names;
  for (const CommandText& command : program.commands) names.push_back(command.short_name());
  for (CommandText& command : program.commands) {
    for (OptionText& argument : command.arguments) {
      if (argument.value != "COMMAND") continue;
      argument.kind = ValueKind::choice;
      argument.choices = names;
    }
  }
}

}  // namespace

std::string OptionText::description() const {
  const std::string shown = default_value.empty() ? required ? "(required)" : "" : "[" + default_value + "]";
  return shown.empty() ? help : help + " " + shown;
}

bool CommandText::lists_files() const {
  return std::any_of(options.begin(), options.end(),
                     [](const OptionText& option) { return option.takes_several && option.kind == ValueKind::file; });
}

std::string CommandText::usage() const {
  std::string line = name;
  if (!commands.empty()) return line + " COMMAND [OPTIONS]";
  for (const OptionText& option : options) {
    if (option.required) line += " " + option.names.back() + " " + option.value;
  }
  line += " [OPTIONS]";
  for (const OptionText& argument : arguments) {
    const std::string shown = argument.value + (argument.takes_several ? "..." : "");
    line += argument.required ? " " + shown : " [" + shown + "]";
  }
  return line;
}

std::vector<std::string> CommandText::groups() const {
  std::vector<std::string> groups;
  for (const OptionText& option : options) {
    if (std::find(groups.begin(), groups.end(), option.group) == groups.end()) groups.push_back(option.group);
  }
  // CLI11's own group, which has --help, comes last where there are others.
  const auto own = std::find(groups.begin(), groups.end(), "Options");
  if (own != groups.end() && groups.size() > 2) std::rotate(own, own + 1, groups.end());
  return groups;
}

CommandText describe(const CLI::App& command) {
  const auto update = updates().find(&command);
  if (update != updates().end()) update->second();
  CommandText text;
  text.name = full_name(command);
  text.summary = command.get_description();
  read_footer(command.get_footer(), text);
  for (const CLI::Option* option : command.get_options()) {
    OptionText each = option_text(*option);
    (each.names.empty() ? text.arguments : text.options).push_back(std::move(each));
  }
  for (const CLI::App* below : command.get_subcommands([](const CLI::App*) { return true; })) text.commands.push_back(describe(*below));
  name_commands(text);
  return text;
}

void describe_after(CLI::App& command, std::function<void()> update) { updates()[&command] = std::move(update); }

}  // namespace qkv
