#include "cli/usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <vector>

#include "base/error.h"
#include "base/suggestion.h"

namespace qkv {
namespace {

std::vector<const CLI::App*> commands_below(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App*) { return true; });
}

std::string full_name(const CLI::App& command) {
  return command.get_parent() == nullptr ? command.get_name() : full_name(*command.get_parent()) + " " + command.get_name();
}

// Candidates for a word that nothing understood: options of this command, or commands.
std::vector<std::string> known_words(const CLI::App& command, bool option) {
  std::vector<std::string> words;
  if (option) {
    for (const CLI::Option* each : command.get_options()) {
      for (const std::string& name : each->get_lnames()) words.push_back("--" + name);
    }
  } else {
    for (const CLI::App* each : commands_below(command)) words.push_back(each->get_name());
  }
  return words;
}

}  // namespace

const CLI::App& deepest_command(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : deepest_command(*chosen.back());
}

bool names_no_command(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = deepest_command(app);
  return dynamic_cast<const CLI::RequiredError*>(&error) && !commands_below(command).empty() && command.remaining().empty();
}

std::string usage_message(const CLI::App& app, const CLI::ParseError& error) {
  const CLI::App& command = deepest_command(app);
  const std::string help = full_name(command) + " --help";
  const std::vector<std::string> unknown = command.remaining();
  const bool about_unknown = dynamic_cast<const CLI::ExtrasError*>(&error) || dynamic_cast<const CLI::RequiredError*>(&error);
  if (unknown.empty() || !about_unknown) return fmt::format("{}; see {}", one_line(error.what()), help);

  const std::string word = unknown.front().substr(0, unknown.front().find('='));
  const bool option = word.starts_with('-');
  const std::vector<std::string> known = known_words(command, option);
  const std::string nearest = nearest_word(word, known);
  const std::string what = option ? "option" : known.empty() ? "argument" : "command";
  const std::string list = option || known.empty() ? "" : fmt::format("; there are {}", fmt::join(known, ", "));
  const std::string hint = nearest.empty() ? list + "; see" : fmt::format("; did you mean {}? See", nearest);
  return fmt::format("{}: unknown {} {}{} {}", full_name(command), what, word, hint, help);
}

}  // namespace qkv
