// Messages about a command line that cannot be understood.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace qkv {

// The command that the line got to.
const CLI::App& deepest_command(const CLI::App& app);

// True where nothing is wrong but that no command was named: there is nothing to complain about, and much to show.
bool names_no_command(const CLI::App& app, const CLI::ParseError& error);

// One line that names what is wrong and, of a word that nothing understood, what it could have been.
std::string usage_message(const CLI::App& app, const CLI::ParseError& error);

}  // namespace qkv
