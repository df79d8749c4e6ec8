#include "cli/describe/man_page.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/environment.h"
#include "cli/program.h"
#include "qkv/version.h"

namespace qkv {
namespace {

// Text as roff shows it: a backslash is \e, a hyphen that can be copied \-, and no line begins with a control character.
std::string plain(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  return out.starts_with('.') || out.starts_with('\'') ? "\\&" + out : out;
}

void add_entry(std::string& out, const std::string& head, const std::string& text) {
  out += fmt::format(".TP\n{}\n{}\n", head, plain(text));
}

std::string head_of(const OptionText& option) {
  std::string names;
  for (const std::string& name : option.names) names += fmt::format("{}\\fB{}\\fR", names.empty() ? "" : ", ", plain(name));
  if (option.value.empty()) return names;
  return fmt::format("{}{}\\fI{}\\fR{}", names, names.empty() ? "" : " ", plain(option.value), option.takes_several ? "..." : "");
}

void add_options(std::string& out, const CommandText& command) {
  if (!command.arguments.empty()) out += ".SH ARGUMENTS\n";
  for (const OptionText& argument : command.arguments) add_entry(out, head_of(argument), argument.description());
  if (!command.commands.empty()) out += ".SH COMMANDS\n";
  for (const CommandText& below : command.commands) add_entry(out, fmt::format("\\fB{}\\fR(1)", plain(man_name(below))), below.summary);
  if (!command.options.empty()) out += ".SH OPTIONS\n";
  const std::vector<std::string> groups = command.groups();
  for (const std::string& group : groups) {
    if (groups.size() > 1) out += fmt::format(".SS {}\n", plain(group));
    for (const OptionText& option : command.options) {
      if (option.group == group) add_entry(out, head_of(option), option.description());
    }
  }
}

void add_related(std::string& out, const CommandText& command, const CommandText* parent) {
  std::vector<std::string> pages;
  if (parent) pages.push_back(man_name(*parent));
  for (const CommandText& below : command.commands) pages.push_back(man_name(below));
  if (pages.empty()) return;
  out += ".SH SEE ALSO\n";
  for (size_t i = 0; i < pages.size(); ++i) out += fmt::format("\\fB{}\\fR(1){}\n", plain(pages[i]), i + 1 < pages.size() ? "," : "");
}

}  // namespace

std::string man_name(const CommandText& command) {
  std::string name = command.name;
  std::replace(name.begin(), name.end(), ' ', '-');
  return name;
}

std::string man_page(const CommandText& command, const CommandText* parent) {
  std::string title = man_name(command);
  std::transform(title.begin(), title.end(), title.begin(), [](char c) { return static_cast<char>(std::toupper(c)); });
  std::string out = fmt::format(".TH {} 1 \"\" \"qkv {}\" \"qkv\"\n", plain(title), QKV_VERSION);
  out += fmt::format(".SH NAME\n{} \\- {}\n", plain(man_name(command)), plain(command.summary));
  out += fmt::format(".SH SYNOPSIS\n\\fB{}\\fR{}\n", plain(command.name), plain(command.usage().substr(command.name.size())));
  if (!command.notes.empty()) out += ".SH DESCRIPTION\n";
  for (size_t i = 0; i < command.notes.size(); ++i) out += (i > 0 ? ".PP\n" : "") + plain(command.notes[i]) + "\n";
  add_options(out, command);
  if (!command.examples.empty()) out += ".SH EXAMPLE\n";
  for (const std::string& example : command.examples) out += fmt::format(".nf\n{}\n.fi\n", plain(example));
  out += ".SH ENVIRONMENT\n";
  for (const EnvironmentVariable& variable : environment_variables())
    add_entry(out, fmt::format("\\fB{}\\fR", variable.name), variable.help);
  out += ".SH EXIT STATUS\n";
  for (const ExitCode& exit : kExitCodes) add_entry(out, std::to_string(exit.code), exit.meaning);
  add_related(out, command, parent);
  return out;
}

}  // namespace qkv
