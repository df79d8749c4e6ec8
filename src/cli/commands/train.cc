// qkv train: parses the options, calls train() and displays its progress.
#include <unistd.h>

#include <memory>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "base/progress.h"
#include "cli/commands.h"
#include "cli/describe/command_text.h"
#include "cli/letters.h"
#include "cli/output.h"
#include "cli/program.h"
#include "processes/process_group.h"
#include "qkv/trainer.h"
#include "train/options/config_text.h"
#include "train/options/given_options.h"
#include "train/options/option_table.h"
#include "train/options/options.h"

namespace qkv {
namespace {

// Displays a training: a progress line that is overwritten on a terminal, and permanent lines for events.
class TrainDisplay {
 public:
  TrainCallbacks callbacks() {
    TrainCallbacks callbacks;
    callbacks.on_step = [this](const TrainStep& step) { on_step(step); };
    callbacks.on_validation = [this](const TrainValidation& validation) { on_validation(validation); };
    callbacks.on_message = [this](const std::string& message) { say(message); };
    callbacks.on_activity = [this](std::string_view activity) { line_.begin(activity); };
    return callbacks;
  }
  // Prints a permanent line; the moving line comes back under it.
  void say(const std::string& message) { log_info("{}", message); }
  void end() { line_.clear(); }

 private:
  void on_step(const TrainStep& step) {
    if (!line_.visible() && !step.logged) return;
    std::string text = fmt::format("step {}  epoch {}  loss {:.3f}  lr {:.2e}  {:.0f} tok/s  {}", step.step, step.epoch, step.average_loss,
                                   step.learning_rate, step.tokens_per_second, format_duration(step.elapsed_seconds));
    if (step.slowest_process >= 0) text += fmt::format("  slowest process {}: {:.2f} x the mean", step.slowest_process, step.slowest_ratio);
    if (step.remaining_seconds >= 0) text += fmt::format("  ETA {}", format_duration(step.remaining_seconds));
    if (line_.visible()) {
      line_.show(text + validation_);
    } else {
      log_info("{}", text);
    }
  }
  void on_validation(const TrainValidation& v) {
    std::string score = fmt::format("perplexity {:.2f}", v.perplexity);
    if (v.bleu) score += fmt::format(", BLEU {:.2f}", *v.bleu);
    if (v.exact_match) score += fmt::format(", exact match {:.2f} %", 100 * *v.exact_match);
    if (v.bits_per_byte) score += fmt::format(", bits per byte {:.4f}", *v.bits_per_byte);
    if (v.masked_bits_per_byte) score += fmt::format(", masked bits per byte {:.4f}", *v.masked_bits_per_byte);
    if (v.accuracy) score = fmt::format("accuracy {:.2f} %", 100 * *v.accuracy);
    if (v.entity_f1) score += fmt::format(", entity F1 {:.2f} %", 100 * *v.entity_f1);
    const std::string decisive = v.bleu          ? fmt::format("BLEU {:.2f}", *v.bleu)
                                 : v.exact_match ? fmt::format("exact match {:.2f} %", 100 * *v.exact_match)
                                 : v.accuracy    ? score
                                                 : "";
    validation_ = fmt::format("  | valid loss {:.4f}  {}{}", v.loss, decisive, v.best ? " (best)" : "");
    say(fmt::format("step {}: validation loss {:.4f}, {}{} ({:.1f} s)", v.step, v.loss, score, v.best ? ", the best so far" : "",
                    v.seconds));
  }

  ProgressLine line_;
  std::string validation_;
};

std::string describe_best(const TrainResult& result) {
  if (result.score_name.empty()) return fmt::format("best validation loss {:.4f} at step {}", result.best_loss, result.best_step);
  const std::string score =
      result.score_name == "BLEU" ? fmt::format("{:.2f}", result.best_score) : fmt::format("{:.2f} %", 100 * result.best_score);
  return fmt::format("best validation {} {} at step {}", result.score_name, score, result.best_step);
}

std::string describe(const TrainOptions& options, const TrainResult& result) {
  const std::string best = describe_best(result);
  if (result.was_finished) {
    return fmt::format("already finished at step {} (--{}); {}; raise the limit to train on", result.step, name_of(result.end), best);
  }
  return fmt::format("finished at step {} (--{}) after {}; {}; the model is in {}", result.step, name_of(result.end),
                     format_duration(result.elapsed_seconds), best, options.output.string());
}

// The help text, with the command line gives small if the command that they belong to.
struct TrainCommand {
  CLI::App* command;
  std::vector<OptionSetting> settings;
  bool print_config = false;
};

void add_option(TrainCommand& train, const TrainOption& option) {
  const std::string label = "--" + option.name;
  const auto keep = [&train, name = option.name, label](const std::string& text) { train.settings.push_back({name, text, label}); };
  CLI::Option* added = nullptr;
  if (option.is_flag()) {
    const bool is_default = option.get(TrainOptions{}) == "true";
    added = train.command->add_flag_function(
        is_default ? fmt::format("{},!--no-{}", label, option.name) : label, [keep](int64_t count) { keep(count > 0 ? "true" : "false"); },
        option.help);
    added->multi_option_policy(CLI::MultiOptionPolicy::TakeLast);
  } else if (option.several) {
    added = train.command
                ->add_option_function<std::vector<std::string>>(
                    with_letter(label),
                    [keep](const std::vector<std::string>& texts) {
                      for (const std::string& text : texts) keep(text);
                    },
                    option.help)
                ->type_name(option.value);
  } else {
    added = train.command->add_option_function<std::string>(with_letter(label), keep, option.help)->type_name(option.value);
  }
  added->group(option.group);
}

// The help's defaults become those of the task, preset and config file on the line.
void show_defaults(const TrainCommand& train) {
  std::vector<OptionSetting> recipe;
  for (const OptionSetting& setting : train.settings) {
    if (setting.name == "task" || setting.name == "preset" || setting.name == "config") recipe.push_back(setting);
  }
  const TrainOptions options = resolve_train_options(recipe);
  for (const TrainOption& option : train_option_table()) {
    const bool says_itself = option.is_flag() || option.help.find("(default:") != std::string::npos;
    if (!says_itself) train.command->get_option("--" + option.name)->default_str(option.get(options));
  }
  train.command->footer(fmt::format(
      "Values in [] are those of --task {} --preset {}{}. With --task, --preset or --config beside --help they are those of another "
      "recipe.\n"
      "The command line wins over the config file, which wins over the preset. A config file has the same names without dashes in front: "
      "lr = 0.002, batch-tokens = 4096; --print-config writes one.\n"
      "With --max-minutes and without --max-steps the speed is measured first, and the schedule is a cosine over the updates that fit, "
      "with a "
      "warm-up of at most a sixth of them. With --preset tiny and small, what is not given follows, too, and each choice is printed:\n"
      "  --batch-tokens    small: 512 or 1024, tiny: 1024, 2048 or 4096; the largest that leaves 10,000 updates, else the smallest\n"
      "  --dropout         0.1 up to 10 passes over the data, 0.2 up to 20, then 0.3;\n"
      "                    with tiny up to 30 and 60\n"
      "  --lr              the preset's; from 16 of its warm-ups on, that with the mean of its inverse square root\n"
      "  --validate-every  so that up to 5 validations take a tenth of the time\n"
      "Example: qkv train --task lm --text input.txt --output my-gpt",
      name_of(options.task), options.preset, last_of(recipe, "config") ? " and the config file" : ""));
}

void run(const TrainCommand& train_command) {
  TrainOptions options = resolve_train_options(train_command.settings);
  if (train_command.print_config) return write_stdout(config_text(options));
  options.cancellation = program_cancellation();
  const ProcessGroup& group = process_group();
  if (!group.first()) set_log_level(LogLevel::quiet);
  // On a terminal it replaces the moving line.
  const char* acknowledgement = isatty(STDERR_FILENO) == 1
                                    ? "\r\033[Jstopping when this step is done and saved; a second signal ends at once\n"
                                    : "\nstopping when this step is done and saved; a second signal ends at once\n";
  catch_interrupts(log_level() >= LogLevel::normal ? acknowledgement : nullptr);
  TrainDisplay display;
  const TrainResult result = train(options, display.callbacks());
  display.end();
  display.say(describe(options, result));
}

}  // namespace

void add_train_command(CLI::App& app) {
  auto train = std::make_shared<TrainCommand>();
  train->command = app.add_subcommand("train", "Train a model from text files; makes a directory that qkv and transformers open");
  train->command
      ->add_option_function<std::string>(
          with_letter("--config"),
          [train](const std::string& text) {
            train->settings.push_back({"config", text, "--config"});
          },
          "TOML file of options")
      ->type_name("FILE")
      ->group("Data");
  train->command->add_flag("--print-config", train->print_config, "Print all options as a file for --config, and exit")->group("Data");
  for (const TrainOption& option : train_option_table()) add_option(*train, option);
  describe_after(*train->command, [train] { show_defaults(*train); });
  train->command->callback([train] { run(*train); });
}

}  // namespace qkv
