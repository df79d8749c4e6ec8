#include "cli/describe/help.h"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "base/number_text.h"
#include "base/terminal.h"
#include "cli/describe/wrap.h"
#include "cli/environment.h"
#include "cli/program.h"

namespace qkv {
namespace {

constexpr size_t kNameColumn = 34;  // where explanations begin
constexpr size_t kTwoColumns = 72;  // narrower: explanations stand below their names
constexpr size_t kNarrowIndent = 6;

void add_paragraph(std::string& out, const std::string& text, size_t width) {
  for (const std::string& line : wrapped(text, width)) out += line + "\n";
}

// "  NAME     explanation", the latter in lines of its own column.
void add_entry(std::string& out, const std::string& name, const std::string& text, size_t width) {
  const bool beside = width >= kTwoColumns;
  const size_t column = beside ? kNameColumn : kNarrowIndent;
  const std::vector<std::string> lines = wrapped(text, width > column ? width - column : 1);
  std::vector<std::string> heads = wrapped(name, width > 2 ? width - 2 : 1);
  for (std::string& head : heads) head.insert(0, "  ");
  size_t next = 0;
  if (beside && characters(heads.back()) + 2 <= column && !lines.empty()) {
    heads.back() += std::string(column - characters(heads.back()), ' ') + lines[0];
    next = 1;
  }
  for (const std::string& head : heads) out += head + "\n";
  for (; next < lines.size(); ++next) out += std::string(column, ' ') + lines[next] + "\n";
}

std::string head_of(const OptionText& option) {
  std::string names;
  for (const std::string& name : option.names) names += (names.empty() ? "" : ", ") + name;
  if (option.value.empty()) return names;
  const std::string value = option.value + (option.takes_several ? "..." : "");
  return names.empty() ? value : names + " " + value;
}

void add_section(std::string& out, const std::string& title) { out += "\n" + title + ":\n"; }

void add_options(std::string& out, const CommandText& command, size_t width) {
  for (const std::string& group : command.groups()) {
    add_section(out, group);
    for (const OptionText& option : command.options) {
      if (option.group == group) add_entry(out, head_of(option), option.description(), width);
    }
  }
}

}  // namespace

std::string help_text(const CommandText& command, size_t width) {
  std::string out;
  add_paragraph(out, command.summary, width);
  out += "\n";
  add_paragraph(out, "Usage: " + command.usage(), width);
  if (!command.arguments.empty()) {
    add_section(out, "Arguments");
    for (const OptionText& argument : command.arguments) add_entry(out, head_of(argument), argument.description(), width);
  }
  if (!command.commands.empty()) {
    add_section(out, "Commands");
    for (const CommandText& below : command.commands) add_entry(out, below.short_name(), below.summary, width);
  }
  add_options(out, command, width);
  if (command.name.find(' ') == std::string::npos) {
    add_section(out, "Environment");
    for (const EnvironmentVariable& variable : environment_variables()) add_entry(out, variable.name, variable.help, width);
    add_section(out, "Exit codes");
    for (const ExitCode& exit : kExitCodes) add_entry(out, std::to_string(exit.code), exit.meaning, width);
  }
  if (!command.notes.empty()) out += "\n";
  for (const std::string& note : command.notes) add_paragraph(out, note, width);
  if (!command.examples.empty()) add_section(out, "Example");
  for (const std::string& example : command.examples) {
    for (const std::string& line : wrapped_command(example, width > 2 ? width - 2 : 1)) out += "  " + line + "\n";
  }
  return out;
}

size_t help_width() {
  constexpr int kLeast = 20, kUnknown = 100, kMost = 1000;
  int unknown = kUnknown;
  const char* columns = std::getenv("COLUMNS");  // of the shell, where output goes into a pager
  if (columns && whole_number_fault(columns, kLeast, kMost).empty()) unknown = std::atoi(columns);
  return static_cast<size_t>(std::max(kLeast, terminal_width(STDOUT_FILENO, unknown)));
}

}  // namespace qkv
