#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/describe/completion.h"

namespace qkv {
namespace {

constexpr const char* kHead = R"(# bash completion of qkv, made by `qkv completion bash`.

_qkv_files() {  # $1: -f for files, -d for directories
  type compopt &>/dev/null && compopt -o filenames 2>/dev/null
  local IFS=$'\n'
  COMPREPLY=($(compgen "$1" -- "$current"))
}

_qkv_words() {
  local IFS=$' \t\n'
  COMPREPLY=($(compgen -W "$1" -- "$current"))
}

_qkv() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} command=qkv word i
  COMPREPLY=()
  # Bash takes --name=value apart into three words.
  if [[ $current == = ]]; then
    current=
  elif [[ $previous == = ]]; then
    previous=${COMP_WORDS[COMP_CWORD-2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    word=${COMP_WORDS[i]}
    case "$command $word" in
)";

constexpr const char* kFoot = R"(  esac
}

complete -F _qkv qkv
)";

std::string quoted(const std::string& text) { return "\"" + text + "\""; }

void add_values(std::string& out, const CommandText& command) {
  std::string cases;
  for (const OptionText& option : command.options) {
    if (option.kind == ValueKind::none) continue;
    const std::string action = option.kind == ValueKind::choice      ? fmt::format("_qkv_words '{}'", fmt::join(option.choices, " "))
                               : option.kind == ValueKind::file      ? "_qkv_files -f"
                               : option.kind == ValueKind::directory ? "_qkv_files -d"
                                                                     : ":";
    cases += fmt::format("        {}) {}; return ;;\n", fmt::join(option.names, "|"), action);
  }
  if (!cases.empty()) out += "      case $previous in\n" + cases + "      esac\n";
}

void add_words(std::string& out, const CommandText& command) {
  std::vector<std::string> options, words;
  for (const OptionText& option : command.options) options.insert(options.end(), option.names.begin(), option.names.end());
  for (const CommandText& below : command.commands) words.push_back(below.short_name());
  ValueKind kind = ValueKind::word;
  for (const OptionText& argument : command.arguments) {
    kind = argument.kind;
    words.insert(words.end(), argument.choices.begin(), argument.choices.end());
  }
  out += fmt::format("      if [[ $current == -* ]]; then\n        _qkv_words '{}'\n", fmt::join(options, " "));
  if (!words.empty()) {
    out += fmt::format("      else\n        _qkv_words '{}'\n", fmt::join(words, " "));
  } else if (kind == ValueKind::file || kind == ValueKind::directory || command.lists_files()) {
    out += fmt::format("      else\n        _qkv_files {}\n", kind == ValueKind::directory ? "-d" : "-f");
  }
  out += "      fi\n";
}

}  // namespace

std::string bash_completion(const CommandText& program) {
  std::string out = kHead;
  for_each_command(program, [&](const CommandText& command) {
    if (&command != &program) out += fmt::format("      {}) command={} ;;\n", quoted(command.name), quoted(command.name));
  });
  out += "    esac\n  done\n  case $command in\n";
  for_each_command(program, [&](const CommandText& command) {
    out += fmt::format("    {})\n", quoted(command.name));
    add_values(out, command);
    add_words(out, command);
    out += "      ;;\n";
  });
  return out + kFoot;
}

}  // namespace qkv
