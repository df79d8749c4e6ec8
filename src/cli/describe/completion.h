// Completion scripts of shells: commands, options and the values of options.
#pragma once

#include <string>

#include "cli/describe/command_text.h"

namespace qkv {

std::string bash_completion(const CommandText& program);
std::string zsh_completion(const CommandText& program);
std::string fish_completion(const CommandText& program);

// Calls visit(command) for the program and every command below it.
template <typename Visit>
void for_each_command(const CommandText& command, const Visit& visit) {
  visit(command);
  for (const CommandText& below : command.commands) for_each_command(below, visit);
}

}  // namespace qkv
