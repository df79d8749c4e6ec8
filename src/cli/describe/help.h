// --help: a command's description in lines of the terminal's width.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

#include "cli/describe/command_text.h"

namespace qkv {

std::string help_text(const CommandText& command, size_t width);

// Columns that help is written for: those of the terminal, else COLUMNS, else 100.
size_t help_width();

// The formatter behind CLI11's App::help().
class HelpFormatter : public CLI::FormatterBase {
 public:
  std::string make_help(const CLI::App* command, std::string, CLI::AppFormatMode) const override {
    return help_text(describe(*command), help_width());
  }
};

}  // namespace qkv
