// The main program: the command table, the central error handler, and options that all commands share.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <new>
#include <string>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/log.h"
#include "base/option_error.h"
#include "base/parallel.h"
#include "base/shortened_files.h"
#include "cli/commands.h"
#include "cli/describe/help.h"
#include "cli/environment.h"
#include "cli/letters.h"
#include "cli/output.h"
#include "cli/program.h"
#include "cli/usage.h"
#include "kernels/kernel_table.h"
#include "lab/record/commit.h"
#include "processes/process_group.h"
#include "qkv/version.h"

namespace qkv {
namespace {

constexpr void (*kCommands[])(CLI::App&) = {
    add_train_command,   add_translate_command, add_generate_command,  add_chat_command,      add_classify_command,
    add_choose_command,  add_tag_command,       add_answer_command,    add_fill_mask_command, add_embed_command,
    add_eval_command,    add_score_command,     add_tokenizer_command, add_attention_command, add_inspect_command,
    add_convert_command, add_data_command,      add_bench_command,     add_lab_command,       add_help_commands,
};

void choose_threads(int count) {
  if (const auto cores = static_cast<int>(std::thread::hardware_concurrency()); cores > 0 && count > cores) {
    log_warning("--threads {}: there are {} cores here, and more threads than cores wait for one another", count, cores);
  }
  set_num_threads(count);
}

// Adds the options that all commands share, except those that a command defines itself.
void add_common_options(CLI::App& command) {
  const std::vector<CLI::App*> below = command.get_subcommands([](CLI::App*) { return true; });
  for (CLI::App* each : below) add_common_options(*each);
  if (!below.empty() && command.get_parent() != nullptr) return;
  const auto set_level = [](LogLevel level) { return [level] { set_log_level(level); }; };
  CLI::Option* quiet =
      command.add_flag_callback(with_letter("--quiet"), set_level(LogLevel::warnings), "Only warnings and errors on stderr")
          ->group("Common");
  command.add_flag_callback(with_letter("--verbose"), set_level(LogLevel::verbose), "More on stderr about what is done")
      ->group("Common")
      ->excludes(quiet);
  if (command.get_option_no_throw("--threads") != nullptr) return;
  command
      .add_option_function<std::string>(
          with_letter("--threads"), [](const std::string& count) { choose_threads(parse_num_threads(count, "--threads")); },
          "Threads to use; 0: QKV_THREADS, or else all cores")
      ->type_name("N")
      ->group("Common")
      ->default_str("0");
}

// The message with options named as on the command line.
std::string message_of(const Error& error) {
  const auto* of_options = dynamic_cast<const OptionError*>(&error);
  return of_options ? of_options->message(option_name) : error.what();
}

int report(const ExitCode& exit, const std::string& message) {
  std::fflush(stdout);
  std::fprintf(stderr, "%s%s\n", exit.code == kInterrupted.code ? "" : "error: ", one_line(message).c_str());
  return exit.code;
}

std::string version_text() {
  std::string sets;
  for (const Isa isa : available_isas()) sets += fmt::format("{}{}", sets.empty() ? "" : ", ", name_of(isa));
  return fmt::format("qkv {}\ncommit: {}\nbuild: {}\ninstruction sets: {}\nin use: {}\n", QKV_VERSION, lab::built_from(), lab::build_type(),
                     sets, name_of(current_isa()));
}

void add_commands(CLI::App& app) {
  app.set_version_flag("-V,--version", QKV_VERSION, "Print the version, the commit and the instruction sets, and exit");
  app.set_help_flag("-h,--help", "Print this help and exit");
  app.require_subcommand(1);
  app.formatter(std::make_shared<HelpFormatter>());
  app.option_defaults()->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  app.parse_complete_callback(check_environment);
  for (const auto& add : kCommands) add(app);
  add_common_options(app);
  app.footer(  // at the end: commands inherit what is there when they are added
      "qkv COMMAND --help lists a command's options. The last of a repeated option counts, and lists grow. Results go to stdout, progress "
      "and messages to stderr.");
}

int run(int argc, char** argv) {
  CLI::App app{
      "Trains Transformers, translates, writes and labels texts with them, and opens and writes the model directories of Hugging Face's "
      "transformers.",
      "qkv"};
  add_commands(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForVersion&) {
    write_stdout(version_text());
  } catch (const CLI::Success&) {  // --help
    write_stdout(app.help());
  } catch (const CLI::ParseError& error) {
    const CLI::App& command = deepest_command(app);
    const bool asks_for_help = command.get_help_ptr()->count() > 0;
    if (!asks_for_help && !names_no_command(app, error)) return report(kWrongUsage, usage_message(app, error));
    write_stdout(command.help());
  }
  flush_stdout();
  throw_if_shortened();
  return program_cancellation()->cancelled() ? kInterrupted.code : kDone.code;
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
    return kDone.code;
  } catch (const EndedElsewhere& error) {  // another process of the group reports it
    return error.code() == ErrorCode::invalid_argument ? kWrongUsage.code
           : error.code() == ErrorCode::interrupted    ? kInterrupted.code
                                                       : kFailed.code;
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
