// The main program: the command table, the central error handler, and options that all commands share.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/shortened_files.h"
#include "base/suggestion.h"
#include "cli/commands.h"
#include "cli/output.h"
#include "cli/program.h"
#include "qkv/version.h"

namespace qkv {
namespace {

constexpr int kDone = 0, kFailed = 1, kWrongUsage = 2, kInterrupted = 130;

constexpr void (*kCommands[])(CLI::App&) = {
    add_train_command,     add_translate_command, add_generate_command, add_classify_command, add_eval_command, add_tokenizer_command,
    add_attention_command, add_inspect_command,   add_data_command,     add_bench_command,    add_lab_command,
};

// Adds the options that all commands share, except those that a command defines itself.
void add_common_options(CLI::App& command) {
  const std::vector<CLI::App*> below = command.get_subcommands([](CLI::App*) { return true; });
  for (CLI::App* each : below) add_common_options(*each);
  if (!below.empty()) return;
  const auto taken = [&](const char* name) { return command.get_option_no_throw(name) != nullptr; };
  if (!taken("--quiet")) {
    command
        .add_flag_callback(
            "--quiet", [] { set_log_level(LogLevel::warnings); }, "Only warnings and errors on stderr")
        ->group("Common");
  }
  if (!taken("--verbose")) {
    command
        .add_flag_callback(
            "--verbose", [] { set_log_level(LogLevel::verbose); }, "More on stderr about what is done")
        ->group("Common");
  }
  if (!taken("--threads")) {
    command
        .add_option_function<std::string>(
            "--threads", [](const std::string& count) { set_num_threads(parse_num_threads(count, "--threads")); },
            "Threads to use; 0: all cores [0, or QKV_THREADS]")
        ->type_name("N")
        ->group("Common");
  }
}

std::string one_line(std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) {
    if (c == '\n' || c == '\r') c = ' ';
  }
  return text;
}

// The message with options named as on the command line.
std::string message_of(const Error& error) {
  const auto* of_options = dynamic_cast<const OptionError*>(&error);
  return of_options ? of_options->message(option_name) : error.what();
}

int report(int exit_code, const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s%s\n", exit_code == kInterrupted ? "" : "error: ", one_line(message).c_str());
  return exit_code;
}

// The innermost subcommand that was parsed.
const CLI::App& deepest_command(const CLI::App& app) {
  const std::vector<CLI::App*> chosen = app.get_subcommands();
  return chosen.empty() ? app : deepest_command(*chosen.back());
}

std::string full_name(const CLI::App& command) {
  return command.get_parent() == nullptr ? command.get_name() : full_name(*command.get_parent()) + " " + command.get_name();
}

// Candidates for an unknown word: the options of this command, or its subcommands.
std::vector<std::string> known_words(const CLI::App& command, bool option) {
  std::vector<std::string> words;
  if (option) {
    for (const CLI::Option* each : command.get_options()) {
      for (const std::string& name : each->get_lnames()) words.push_back("--" + name);
    }
  } else {
    for (const CLI::App* each : command.get_subcommands([](const CLI::App*) { return true; })) words.push_back(each->get_name());
  }
  return words;
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

int run(int argc, char** argv) {
  CLI::App app{
      "Trains Transformers, translates, writes and labels texts with them, and opens and writes the model directories of Hugging Face's "
      "transformers.",
      "qkv"};
  app.set_version_flag("--version", QKV_VERSION, "Print the version and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  app.footer(
      "qkv COMMAND --help lists a command's options. Results go to stdout, progress and messages to stderr.\n"
      "Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.");
  app.get_formatter()->column_width(34);
  app.parse_complete_callback([] { default_num_threads(); });  // rejects an invalid QKV_THREADS in every command
  for (const auto& add : kCommands) add(app);
  add_common_options(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    write_stdout("qkv " QKV_VERSION "\n");
  } catch (const CLI::Success&) {  // --help
    write_stdout(app.help());
  } catch (const CLI::ParseError& error) {
    return report(kWrongUsage, usage_message(app, error));
  }
  flush_stdout();
  throw_if_shortened();
  return program_cancellation()->cancelled() ? kInterrupted : kDone;
}

// If a file was truncated while it was read, reports that instead of the error that it caused.
int run_checked(int argc, char** argv) {
  try {
    return run(argc, argv);
  } catch (...) {
    throw_if_shortened();
    throw;
  }
}

// If a standard stream is closed (>&-), the next opened file would get its descriptor and be read or written by mistake. Opens /dev/null
// with the wrong access mode instead, so that using the stream fails as if it were closed.
void fill_standard_descriptors() {
  for (const int fd : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(fd, F_GETFD) < 0 && ::open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0) return;
  }
}

int run_and_report(int argc, char** argv) {
  try {
    return run_checked(argc, argv);
  } catch (const ClosedPipe&) {  // "| head": the reader is gone, so there is no message
    return kFailed;
  } catch (const Error& error) {
    switch (error.code()) {
      case ErrorCode::invalid_argument: return report(kWrongUsage, message_of(error));
      case ErrorCode::interrupted: return report(kInterrupted, message_of(error));
      case ErrorCode::internal: return report(kFailed, message_of(error) + "; this is a fault of qkv, please report it");
      default: return report(kFailed, message_of(error));
    }
  } catch (const std::bad_alloc&) {
    return report(kFailed, "out of memory; a smaller batch or model needs less");
  } catch (const std::exception& error) {
    return report(kFailed, error.what());
  }
}

}  // namespace
}  // namespace qkv

int main(int argc, char** argv) {
  qkv::fill_standard_descriptors();
  std::signal(SIGPIPE, SIG_IGN);  // writing to a closed pipe is an error instead of a signal
  std::signal(SIGXFSZ, SIG_IGN);  // exceeding the file size limit (ulimit -f) is an error too, like a full disk
  qkv::survive_shortened_files();
  qkv::set_field_names(qkv::option_name);
  return qkv::run_and_report(argc, argv);
}
