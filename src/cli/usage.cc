#include "cli/usage.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <initializer_list>
#include <string_view>
#include <system_error>
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

bool is_one_of(std::string_view word, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

// Where a command's text comes from; empty: it has none.
std::string way_of_text(std::string_view command) {
  if (command == "train") return "files are named by --source and --target, --text, or --train-file";
  if (command == "eval") return "files are named by --source, --hypothesis and --reference, by --text, or by --classification";
  if (command == "generate") return "a text to go on from is named by --prompt (-: standard input)";
  if (command == "attention") return "the text is named by --source";
  if (is_one_of(command, {"translate", "classify", "choose", "tag", "fill-mask", "score", "chat"}))
    return "text is read from standard input: < FILE";
  return "";
}

// Help with what is done in another way here than elsewhere, or with what has no name on the command line; empty: there is none.
std::string advice_on(const CLI::App& command, const std::string& word, bool option, const std::string& nearest) {
  std::error_code ignored;
  const bool has_model = command.get_option_no_throw("--model") != nullptr;
  if (!option) {
    if (has_model && std::filesystem::is_directory(word, ignored)) return fmt::format("a model is named by --model {}", word);
    if (command.get_name() == "train" && std::filesystem::is_directory(word, ignored))
      return fmt::format("the directory of a training is named by --output {}", word);
    return commands_below(command).empty() ? way_of_text(command.get_name()) : "";
  }
  const std::string_view name = std::string_view(word).substr(std::min(word.find_first_not_of('-'), word.size()));
  if (is_one_of(name, {"device", "gpu", "gpus", "cuda", "no-cuda", "use-cuda", "use-cpu", "cpu", "ngl", "gpu-layers", "n-gpu-layers"}))
    return "qkv computes on the processor; leave it out";
  if (is_one_of(name, {"optimizer", "optim"})) return "the optimizer is AdamW; leave it out";
  if (!nearest.empty()) return "";
  if (is_one_of(name, {"i", "f", "input", "inputs", "input-file", "file", "text", "prompt", "source", "src"}))
    return way_of_text(command.get_name());
  if (has_model && is_one_of(name, {"o", "output", "out", "output-file", "results-path"})) return "results go to standard output: > FILE";
  return "";
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
  std::vector<std::string> known = known_words(command, option);
  const std::string what = option ? "option" : known.empty() ? "argument" : "command";
  const std::string list = option || known.empty() ? "" : fmt::format("; there are {}", fmt::join(known, ", "));
  if (command.get_parent() == nullptr && !option) known.emplace_back("--version");
  const std::string nearest = nearest_word(word, known);
  const std::string advice = advice_on(command, word, option, nearest);
  const std::string hint = !advice.empty()   ? "; " + advice + "; see"
                           : nearest.empty() ? list + "; see"
                                             : fmt::format("; did you mean {}? See", nearest);
  return fmt::format("{}: unknown {} {}{} {}", full_name(command), what, word, hint, help);
}

}  // namespace qkv
