#include "train/options/given_options.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/log.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

// With --init, the directory determines the network's shape.
bool is_shape(std::string_view name) {
  constexpr std::string_view kNames[] = {"layers",
                                         "encoder-layers",
                                         "hidden-size",
                                         "num-attention-heads",
                                         "num-key-value-heads",
                                         "ffn-dim",
                                         "activation",
                                         "norm-position",
                                         "norm",
                                         "position",
                                         "window",
                                         "linear-bias",
                                         "tie-word-embeddings",
                                         "initializer-range"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

// Options that apply to some tasks only and would be ignored by the others.
struct OptionTasks {
  std::string_view name;
  std::vector<TrainTask> tasks;
};

std::span<const OptionTasks> option_tasks() {
  using enum TrainTask;
  static const std::vector<OptionTasks> list = {
      {"max-length", {translation, classification, tag, choice}},
      {"valid-split", {translation, classification, tag, choice, chat}},
      {"valid-fraction", {lm, mlm}},
      {"vocabulary", {lm}},
      {"context", {lm, mlm, chat}},
      {"chat-template", {chat}},
      {"mask-probability", {mlm}},
      {"whole-words", {mlm}},
      {"encoder-layers", {translation, mlm, classification, tag, choice}},
      {"pairs", {classification}},
      {"labels", {classification}},
      {"decoder-layers", {translation, lm}},
      {"valid-beam-size", {translation}},
  };
  return list;
}

// Precedence of the source that sets the option: 0 for a preset, 1 for the file, 2 for the command line.
int strength_of(const char* name, std::span<const OptionSetting> file, std::span<const OptionSetting> command_line) {
  return last_of(command_line, name) ? 2 : last_of(file, name) ? 1 : 0;
}

}  // namespace

const OptionSetting* last_of(std::span<const OptionSetting> settings, std::string_view name) {
  const OptionSetting* found = nullptr;
  for (const OptionSetting& setting : settings) {
    if (setting.name == name) found = &setting;
  }
  return found;
}

std::string name_of(TrainTask task) {
  TrainOptions options;
  options.task = task;
  return find_train_option("task")->get(options);
}

std::string unused_reason(const TrainOptions& options, std::string_view name) {
  if (!options.init.empty() && is_shape(name))
    return fmt::format("the network is that of --init {}; leave one of them out", options.init.string());
  for (const auto& [option, tasks] : option_tasks()) {
    if (option != name || std::count(tasks.begin(), tasks.end(), options.task) > 0) continue;
    std::vector<std::string> names;
    for (const TrainTask task : tasks) names.push_back(name_of(task));
    return fmt::format("it belongs to --task {}; this is --task {}, where nothing would use it", fmt::join(names, " and "),
                       name_of(options.task));
  }
  if (name == "vocabulary" && !options.tokenizer.empty()) return "--tokenizer says what a token is; leave it out";
  if (name == "valid-fraction" && !options.valid_text.empty()) return "--valid-text is what is validated on; leave it out";
  if (name == "schedule-steps" && options.schedule != LearningRateSchedule::cosine)
    return "only --schedule cosine has an end; leave it out";
  if (name == "min-lr" && options.schedule == LearningRateSchedule::constant) return "--schedule constant does not fall; leave it out";
  return "";
}

void check_used(const TrainOptions& options, std::span<const OptionSetting> settings) {
  for (const OptionSetting& setting : settings) {
    const std::string reason = unused_reason(options, setting.name);
    if (!reason.empty()) fail(ErrorCode::invalid_argument, "{}: {}", setting.label, reason);
  }
}

void shorten_warmup(TrainOptions& options, std::span<const OptionSetting> file, std::span<const OptionSetting> command_line) {
  if (options.schedule != LearningRateSchedule::cosine) return;
  const char* name = options.schedule_steps ? "schedule-steps" : "max-steps";
  const int64_t total = options.schedule_steps ? options.schedule_steps : options.max_steps;
  if (total == 0 || options.warmup_steps < total ||
      strength_of("warmup-steps", file, command_line) >= strength_of(name, file, command_line)) {
    return;
  }
  const int64_t shorter = total / 10;
  log_warning("the warm-up of {} steps is longer than `{}` {}; it takes {} of them", options.warmup_steps, field_of(name), total, shorter);
  options.warmup_steps = shorter;
}

}  // namespace qkv
