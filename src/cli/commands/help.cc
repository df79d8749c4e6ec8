// qkv help, man and completion: what the option tables say, for people and for shells.
#include <algorithm>
#include <memory>

#include "base/error.h"
#include "base/files.h"
#include "base/suggestion.h"
#include "cli/commands.h"
#include "cli/describe/completion.h"
#include "cli/describe/help.h"
#include "cli/describe/man_page.h"
#include "cli/output.h"

namespace qkv {
namespace {

// The command that the words name, and the one above it.
struct Found {
  const CommandText* command;
  const CommandText* parent = nullptr;
};

Found find_command(const CommandText& program, const std::vector<std::string>& words) {
  Found found{&program};
  for (const std::string& word : words) {
    const std::vector<CommandText>& below = found.command->commands;
    const auto next = std::find_if(below.begin(), below.end(), [&](const CommandText& each) { return each.short_name() == word; });
    if (next != below.end()) {
      found = {&*next, found.command};
      continue;
    }
    std::vector<std::string> names;
    for (const CommandText& each : below) names.push_back(each.short_name());
    const std::string nearest = nearest_word(word, names);
    fail(ErrorCode::invalid_argument, "{}: there is no command {}{}", found.command->name, word,
         nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
  }
  return found;
}

void write_man_pages(const CommandText& command, const CommandText* parent, const std::filesystem::path& directory) {
  write_file_atomically(directory / (man_name(command) + ".1"), man_page(command, parent));
  for (const CommandText& below : command.commands) write_man_pages(below, &command, directory);
}

void add_help(CLI::App& app) {
  CLI::App* command = app.add_subcommand("help", "Show what a command does and its options");
  auto words = std::make_shared<std::vector<std::string>>();
  command->add_option("COMMAND", *words, "The command (default: qkv itself)")->type_name("");
  command->footer("Example: qkv help tokenizer train");
  command->callback([&app, words] { write_stdout(help_text(*find_command(describe(app), *words).command, help_width())); });
}

void add_man(CLI::App& app) {
  struct Arguments {
    std::vector<std::string> words;
    std::string directory;
  };
  CLI::App* command = app.add_subcommand("man", "Print the manual page of a command, or write all of them");
  auto arguments = std::make_shared<Arguments>();
  command->add_option("COMMAND", arguments->words, "The command (default: qkv itself)")->type_name("");
  command->add_option("--all", arguments->directory, "Write the pages of all commands into this directory")->type_name("DIR");
  command->footer("Example: qkv man train | man -l -");
  command->callback([&app, arguments] {
    const CommandText program = describe(app);
    if (arguments->directory.empty()) {
      const Found found = find_command(program, arguments->words);
      return write_stdout(man_page(*found.command, found.parent));
    }
    if (!arguments->words.empty()) fail(ErrorCode::invalid_argument, "--all writes every page; leave out the command, or --all");
    std::error_code error;
    std::filesystem::create_directories(arguments->directory, error);
    check_can_write_in(arguments->directory, "--all " + arguments->directory);
    write_man_pages(program, nullptr, arguments->directory);
  });
}

void add_completion(CLI::App& app) {
  CLI::App* command = app.add_subcommand("completion", "Print a completion script for a shell");
  auto shell = std::make_shared<std::string>();
  command->add_option("SHELL", *shell, "The shell that is to complete")->type_name("bash|zsh|fish");
  command->footer(
      "bash reads the script with source <(qkv completion bash); zsh where it is a file _qkv in a directory of $fpath; fish where it is\n"
      "~/.config/fish/completions/qkv.fish. cmake --install puts them where the shells find them.");
  command->callback([&app, shell] {
    QKV_REQUIRE(*shell == "bash" || *shell == "zsh" || *shell == "fish", "name a shell: bash, zsh or fish{}",
                shell->empty() ? "" : fmt::format("; \"{}\" is none of them", *shell));
    const CommandText program = describe(app);
    write_stdout(*shell == "bash" ? bash_completion(program) : *shell == "zsh" ? zsh_completion(program) : fish_completion(program));
  });
}

}  // namespace

void add_help_commands(CLI::App& app) {
  add_help(app);
  add_man(app);
  add_completion(app);
}

}  // namespace qkv
