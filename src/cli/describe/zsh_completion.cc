#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "cli/describe/completion.h"

namespace qkv {
namespace {

constexpr const char* kHead = R"(#compdef qkv
# zsh completion of qkv, made by `qkv completion zsh`.

)";

constexpr const char* kFoot = R"(
if [[ $funcstack[1] == _qkv ]]; then
  _qkv "$@"
else
  compdef _qkv qkv
fi
)";

// Inside single quotes; with `marks` also what _arguments reads as a sign of its own.
std::string escaped(const std::string& text, const char* marks) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
      continue;
    }
    if (std::string_view(marks).find(c) != std::string_view::npos) out += '\\';
    out += c;
  }
  return out;
}

std::string function_of(const CommandText& command) {
  std::string name = "_" + command.name;
  std::replace(name.begin(), name.end(), ' ', '_');
  return name;
}

std::string action_of(const OptionText& option) {
  switch (option.kind) {
    case ValueKind::choice: return fmt::format("({})", fmt::join(option.choices, " "));
    case ValueKind::file: return "_files";
    case ValueKind::directory: return "_files -/";
    default: return " ";
  }
}

// '(-o --output)'{-o+,--output=}'[help]:DIR:_files -/', a line for each name.
void add_option(std::string& out, const OptionText& option) {
  const std::string value = option.kind == ValueKind::none ? "" : fmt::format(":{}:{}", escaped(option.value, "\\:"), action_of(option));
  const std::string others = option.repeated ? "*" : fmt::format("({})", fmt::join(option.names, " "));
  for (const std::string& name : option.names) {
    const char* joint = option.kind == ValueKind::none ? "" : name.starts_with("--") ? "=" : "+";
    out += fmt::format("    '{}{}{}[{}]{}' \\\n", others, name, joint, escaped(option.help, "\\[]:"), value);
  }
}

void add_function(std::string& out, const CommandText& command) {
  out += fmt::format("{}() {{\n", function_of(command));
  if (!command.commands.empty()) out += "  local context state state_descr line\n  typeset -A opt_args\n";
  out += fmt::format("  _arguments -s -S{} \\\n", command.commands.empty() ? "" : " -C");
  for (const OptionText& option : command.options) add_option(out, option);
  if (command.commands.empty()) {
    for (const OptionText& argument : command.arguments) {
      out += fmt::format("    '{}:{}:{}' \\\n", argument.repeated ? "*" : "", escaped(argument.value, "\\:"), action_of(argument));
    }
    if (command.arguments.empty() && command.lists_files()) out += "    '*:FILE:_files' \\\n";
    out += "    && return 0\n}\n\n";
    return;
  }
  out += "    '1:command:->command' \\\n    '*::argument:->argument' \\\n    && return 0\n  case $state in\n    command)\n";
  out += "      local -a commands=(\n";
  for (const CommandText& below : command.commands)
    out += fmt::format("        '{}:{}'\n", below.short_name(), escaped(below.summary, "\\:"));
  out += "      )\n      _describe command commands\n      ;;\n    argument)\n      case $line[1] in\n";
  for (const CommandText& below : command.commands) out += fmt::format("        {}) {} ;;\n", below.short_name(), function_of(below));
  out += "      esac\n      ;;\n  esac\n}\n\n";
}

}  // namespace

std::string zsh_completion(const CommandText& program) {
  std::string out = kHead;
  for_each_command(program, [&](const CommandText& command) { add_function(out, command); });
  return out + kFoot;
}

}  // namespace qkv
