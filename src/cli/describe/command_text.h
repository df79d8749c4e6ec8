// A command with its options as data, read from CLI11's tables: help, man pages and completion are made from it.
#pragma once

#include <CLI/CLI.hpp>

#include <functional>
#include <string>
#include <vector>

namespace qkv {

enum class ValueKind { none, word, choice, file, directory };  // none: a flag

struct OptionText {
  std::vector<std::string> names;  // "-o", "--output"; empty: an argument without a name
  std::string value;               // "DIR", "f32|bf16"; of an argument its name
  ValueKind kind = ValueKind::none;
  std::vector<std::string> choices;
  std::string help, group, default_value;
  bool required = false;
  bool repeated = false;       // several of them make a list
  bool takes_several = false;  // one may have several values

  std::string description() const;  // the help with "[default]" or "(required)" behind it
};

struct CommandText {
  std::string name;  // "qkv tokenizer train"
  std::string summary;
  std::vector<std::string> notes, examples;  // paragraphs of the footer
  std::vector<OptionText> options, arguments;
  std::vector<CommandText> commands;

  std::string short_name() const { return name.substr(name.rfind(' ') + 1); }
  bool lists_files() const;  // an option takes several files
  std::string usage() const;
  std::vector<std::string> groups() const;  // in the order of their first options
};

CommandText describe(const CLI::App& command);

// Brings a command's defaults and footer up to date with what its line says, before it is described.
void describe_after(CLI::App& command, std::function<void()> update);

}  // namespace qkv
