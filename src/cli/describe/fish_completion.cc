#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/describe/completion.h"

namespace qkv {
namespace {

// True where the words before the cursor lead to exactly this command. The commands' names are the script's only state.
constexpr const char* kHead = R"(# fish completion of qkv, made by `qkv completion fish`.

complete -c qkv -f

function __qkv_command
    set -l command qkv
    for word in (commandline -opc)[2..-1]
        if contains -- "$command $word" $__qkv_commands
            set command "$command $word"
        end
    end
    test "$command" = "$argv[1]"
end

)";

// In single quotes fish reads \\ and \' alone.
std::string quoted(const std::string& text) {
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out + "'";
}

void add_option(std::string& out, const std::string& where, const OptionText& option) {
  out += where;
  for (const std::string& name : option.names) out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  switch (option.kind) {
    case ValueKind::none: break;
    case ValueKind::word: out += " -x"; break;
    case ValueKind::choice: out += " -x -a " + quoted(fmt::format("{}", fmt::join(option.choices, " "))); break;
    case ValueKind::file: out += " -r -F"; break;
    case ValueKind::directory: out += " -x -a '(__fish_complete_directories)'"; break;
  }
  out += " -d " + quoted(option.help) + "\n";
}

void add_argument(std::string& out, const std::string& where, const OptionText& argument) {
  if (argument.kind == ValueKind::file) out += where + " -F\n";
  if (argument.kind == ValueKind::directory) out += where + " -a '(__fish_complete_directories)'\n";
  if (argument.kind == ValueKind::choice) out += where + " -a " + quoted(fmt::format("{}", fmt::join(argument.choices, " "))) + "\n";
}

}  // namespace

std::string fish_completion(const CommandText& program) {
  std::string out = kHead, names;
  for_each_command(program, [&](const CommandText& command) {
    if (&command != &program) names += " " + quoted(command.name);
  });
  out += "set -g __qkv_commands" + names + "\n\n";
  for_each_command(program, [&](const CommandText& command) {
    const std::string where = fmt::format("complete -c qkv -n {}", quoted("__qkv_command \"" + command.name + "\""));
    for (const CommandText& below : command.commands)
      out += fmt::format("{} -a {} -d {}\n", where, below.short_name(), quoted(below.summary));
    for (const OptionText& option : command.options) add_option(out, where, option);
    if (command.arguments.empty() && command.lists_files()) out += where + " -F\n";
    for (const OptionText& argument : command.arguments) add_argument(out, where, argument);
  });
  return out;
}

}  // namespace qkv
