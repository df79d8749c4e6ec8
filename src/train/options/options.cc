#include "train/options/options.h"

#include <toml++/toml.h>
#include <algorithm>
#include <bit>

#include "base/files.h"
#include "base/option_error.h"
#include "base/suggestion.h"
#include "base/text_file.h"
#include "train/options/config_text.h"
#include "train/options/given_options.h"
#include "train/options/option_table.h"
#include "train/options/presets.h"

namespace qkv {
namespace {

std::string value_of(const TrainOptions& options, const char* name) { return find_train_option(name)->get(options); }

std::string text_of(const toml::node& node, const TrainOption& option, const std::string& label) {
  if (const auto* text = node.as_string()) return text->get();
  if (const auto* number = node.as_integer()) return std::to_string(number->get());
  if (const auto* number = node.as_floating_point()) return fmt::format("{}", number->get());
  if (const auto* value = node.as_boolean()) return value->get() ? "true" : "false";
  if (const auto* list = node.as_array()) {
    std::string joined;
    for (const toml::node& each : *list) {
      QKV_REQUIRE(option.several ? each.is_string() : each.is_number(), "{}: a list must hold {} only", label,
                  option.several ? "strings" : "numbers");
      if (!joined.empty()) joined += option.several ? kBetweenFiles : ',';
      joined += text_of(each, option, label);
    }
    return joined;
  }
  fail(ErrorCode::invalid_argument, "{}: the value must be a string, a number, true or false", label);
}

OptionSetting setting_of(const std::filesystem::path& path, const std::string& key, const toml::node& node) {
  const std::string place = fmt::format("{}:{}", path.string(), node.source().begin.line);
  const TrainOption* option = find_train_option(key);
  if (!option) {
    std::vector<std::string> names;
    for (const TrainOption& each : train_option_table()) names.push_back(each.name);
    std::string dashed = key;
    std::replace(dashed.begin(), dashed.end(), '_', '-');
    const std::string nearest = nearest_word(dashed, names);
    fail(ErrorCode::invalid_argument, "{}: unknown key \"{}\"{}qkv train --help lists them", place, key,
         nearest.empty() ? "; " : fmt::format("; did you mean {}? ", nearest));
  }
  const std::string label = fmt::format("{}: {}", place, key);
  return {option->name, text_of(node, *option, label), label};
}

// The values of an option that may be given several times.
std::string all_of(std::span<const OptionSetting> settings, std::string_view name) {
  std::string joined;
  for (const OptionSetting& setting : settings) {
    if (setting.name != name) continue;
    if (!joined.empty()) joined += kBetweenFiles;
    joined += setting.text;
  }
  return joined;
}

void apply_settings(TrainOptions& options, std::span<const OptionSetting> settings) {
  // Short forms, which set two options, come first, so that --layers 3 --decoder-layers 2 has one meaning in any order.
  for (const bool short_forms : {true, false}) {
    for (const OptionSetting& setting : settings) {
      if (setting.name == "config" || setting.name == "preset" || is_short_form(setting.name) != short_forms) continue;
      const TrainOption* option = find_train_option(setting.name);
      QKV_REQUIRE(option, "{}: there is no such option", setting.label);
      option->set(options, option->several ? all_of(settings, setting.name) : setting.text, setting.label);
    }
  }
}

}  // namespace

std::vector<OptionSetting> read_config_file(const std::filesystem::path& path) {
  const std::string text = read_input(path);
  check_is_text(path, text, TextShape::lines);
  std::vector<OptionSetting> settings;
  try {
    const toml::table table = toml::parse(text, path.string());
    for (const auto& [key, node] : table) settings.push_back(setting_of(path, std::string(key.str()), node));
  } catch (const toml::parse_error& error) {
    fail(ErrorCode::invalid_argument,
         "{}:{}: not TOML: {}; a line is name = value, with text in quotation marks: lr = 0.002, task = \"lm\"", path.string(),
         error.source().begin.line, error.description());
  }
  return settings;
}

namespace {

// The options that a training which --resume continues began with; none where it is another one, or there is no file of them.
std::vector<OptionSetting> earlier_settings(std::span<const OptionSetting> file, std::span<const OptionSetting> command_line) {
  const auto given = [&](const char* name) {
    const OptionSetting* setting = last_of(command_line, name);
    return setting ? setting : last_of(file, name);
  };
  const OptionSetting *resume = given("resume"), *output = given("output");
  if (!resume || resume->text != "true" || !output || output->text.empty()) return {};
  const std::filesystem::path path = std::filesystem::path(output->text) / kKeptOptions;
  std::error_code ignored;
  if (std::filesystem::exists(path, ignored)) return read_config_file(path);
  const bool alone = file.empty() && std::all_of(command_line.begin(), command_line.end(), [](const OptionSetting& setting) {
                       const TrainOption* option = find_train_option(setting.name);
                       return option && (option->group == "Run" || setting.name == "resume" || setting.name == "output");
                     });
  if (alone && !std::filesystem::exists(path.parent_path(), ignored))
    fail(ErrorCode::invalid_argument, "{}: there is no {}; name the --output of a training", resume->label, path.parent_path().string());
  if (alone)
    fail(ErrorCode::invalid_argument, "{}: there is no {}, which would say how to go on; give all options of the training again",
         resume->label, path.string());
  return {};
}

// A recipe is where a training begins: what a later session names must be that one.
void check_recipe(const OptionSetting* given, std::span<const OptionSetting> earlier) {
  const OptionSetting* before = given ? last_of(earlier, given->name) : nullptr;
  if (!before || before->text == given->text) return;
  fail(ErrorCode::invalid_argument, "{} {}: this training began with {}; leave it out, or start anew with --overwrite", given->label,
       given->text, before->text);
}

}  // namespace

TrainOptions resolve_train_options(std::span<const OptionSetting> command_line) {
  std::vector<OptionSetting> file;
  if (const OptionSetting* config = last_of(command_line, "config")) file = read_config_file(config->text);
  const std::vector<OptionSetting> earlier = earlier_settings(file, command_line);
  const auto strongest = [&](const char* name) {
    const OptionSetting* given = last_of(command_line, name);
    if (!given) given = last_of(file, name);
    check_recipe(given, earlier);
    return given ? given : last_of(earlier, name);
  };
  const OptionSetting *preset = strongest("preset"), *task = strongest("task");
  TrainOptions options;
  if (task) find_train_option("task")->set(options, task->text, task->label);
  const TrainTask wanted = options.task;
  apply_preset(options, preset ? preset->text : default_preset(wanted));
  QKV_CHECK_OPTION(!task || options.task == wanted, "`preset` {} is not for `task` {}, whose own is {}; leave one of them out",
                   options.preset, task->text, default_preset(wanted));
  apply_settings(options, earlier);
  apply_settings(options, file);
  apply_settings(options, command_line);
  for (const std::span<const OptionSetting> settings : {std::span<const OptionSetting>(file), command_line}) {
    check_used(options, settings);
  }
  shorten_warmup(options, file, command_line);
  return options;
}

namespace {

// The data options of each task. If several tasks have an option, messages name the first of them.
struct TaskData {
  TrainTask task;
  const char* reads;
  std::vector<const char*> needed, optional;
};

std::span<const TaskData> task_data() {
  static const std::vector<TaskData> list = {
      {TrainTask::translation,
       "`source` and `target`",
       {"source", "target", "valid-source", "valid-target"},
       {"source-column", "target-column"}},
      {TrainTask::lm, "`text`", {"text"}, {"valid-text", "document-separator", "text-column", "init"}},
      {TrainTask::mlm, "`text`", {"text"}, {"valid-text", "document-separator", "text-column", "init"}},
      {TrainTask::classification,
       "`train_file` and `valid_file`",
       {"train-file", "valid-file"},
       {"text-column", "label-column", "second-column", "init"}},
      {TrainTask::tag, "`train_file` and `valid_file`", {"train-file", "valid-file"}, {"init"}},
      {TrainTask::choice, "`train_file` and `valid_file`", {"train-file", "valid-file"}, {"init"}},
      {TrainTask::chat, "`train_file` and `valid_file`", {"train-file", "valid-file", "init"}, {}},
  };
  return list;
}

// Names all that is missing at once.
void check_given(const TrainOptions& options, const TaskData& data) {
  std::vector<std::string> missing;
  bool splits = false;
  for (const char* name : data.needed) {
    const bool validation = std::string_view(name).starts_with("valid-");
    if (!value_of(options, name).empty() || (validation && options.valid_split > 0)) continue;
    missing.push_back("`" + field_of(name) + "`");
    splits |= validation && data.task != TrainTask::lm && data.task != TrainTask::mlm;
  }
  if (options.output.empty()) missing.emplace_back("`output`");
  if (missing.empty()) return;
  const std::string split_hint = splits ? ", or `valid_split` N in place of texts to validate on" : "";
  fail_option(ErrorCode::invalid_argument, "{} {} missing; `task` {} needs {}{}", mark_fields(fmt::format("{}", fmt::join(missing, ", "))),
              missing.size() == 1 ? "is" : "are", name_of(options.task), missing.size() == 1 ? "it" : "them", mark_fields(split_hint));
}

void check_data_options(const TrainOptions& options) {
  const TaskData& mine = *std::find_if(task_data().begin(), task_data().end(), [&](const TaskData& t) { return t.task == options.task; });
  const auto knows = [&](std::string_view name) {
    return std::count(mine.needed.begin(), mine.needed.end(), name) + std::count(mine.optional.begin(), mine.optional.end(), name) > 0;
  };
  const std::string task = name_of(options.task);
  for (const TaskData& other : task_data()) {
    for (const auto* names : {&other.needed, &other.optional}) {
      for (const char* name : *names) {
        QKV_CHECK_OPTION(knows(name) || value_of(options, name).empty(), "`{}` belongs to `task` {}; this is `task` {}, which reads {}",
                         field_of(name), name_of(other.task), task, mark_fields(mine.reads));
      }
    }
  }
  const bool can_split = options.task != TrainTask::lm && options.task != TrainTask::mlm;
  QKV_CHECK_OPTION(options.valid_split == 0 || can_split,
                   "`valid_split` belongs to `task` translation, classification, tag, choice and chat; of `task` {} `valid_fraction` is "
                   "kept to validate on",
                   task);
  check_given(options, mine);
  for (const char* name : mine.needed) {
    const bool given = !value_of(options, name).empty(), validation = std::string_view(name).starts_with("valid-");
    QKV_CHECK_OPTION(!validation || !given || options.valid_split == 0,
                     "`valid_split` takes texts of the training files to validate on; leave it or `{}` out", field_of(name));
  }
  QKV_CHECK_OPTION(options.source_column.empty() == options.target_column.empty(),
                   "`source_column` and `target_column` go together; one of them is missing");
  QKV_CHECK_OPTION(options.second_column.empty() || options.pairs, "`second_column` is for `pairs` of texts; give both or neither");
  QKV_CHECK_OPTION(options.labels == TextLabels::one || options.label_smoothing == 0,
                   "`label_smoothing` is for one label of each text; leave it out with `labels` {}", value_of(options, "labels"));
  QKV_CHECK_OPTION(options.task != TrainTask::choice || options.label_smoothing == 0,
                   "`label_smoothing` is for labels; leave it out with `task` choice");
  QKV_CHECK_OPTION(options.tokenizer.empty() || options.vocab_size == 0,
                   "`vocab_size` is that of a tokenizer to train; leave it out with `tokenizer`");
  QKV_CHECK_OPTION(options.tokenizer.empty() || options.vocabulary == TextVocabulary::character,
                   "`vocabulary` is that of a tokenizer to train; leave it out with `tokenizer`");
  QKV_CHECK_OPTION(options.tiktoken_pattern.empty() || !options.tokenizer.empty(),
                   "`tiktoken_pattern` is for a rank file that `tokenizer` names; leave it out without `tokenizer`");
  QKV_CHECK_OPTION(options.init.empty() || (options.vocab_size == 0 && options.tokenizer.empty()),
                   "`init` brings its own tokenizer; leave out `tokenizer` and `vocab_size`");
}

void check_lengths(const TrainOptions& options) {
  const bool lm = options.task == TrainTask::lm, mlm = options.task == TrainTask::mlm, chat = options.task == TrainTask::chat;
  if (lm || mlm) {
    QKV_CHECK_OPTION(!lm || options.vocab_size == 0 || options.vocabulary == TextVocabulary::bpe,
                     "`vocab_size` is for `vocabulary` bpe; the tokens of {} are given by the text", value_of(options, "vocabulary"));
    QKV_CHECK_OPTION(options.valid_fraction > 0 || !options.valid_text.empty(),
                     "`valid_fraction` 0 leaves nothing to validate on; give `valid_text`");
    QKV_CHECK_OPTION(!mlm || options.context > 2, "`context` {} has no room besides [CLS] and [SEP]", options.context);
    QKV_CHECK_OPTION(options.context <= options.batch_tokens,
                     "`batch_tokens` {} is less than `context` {}; a window would fit into no batch", options.batch_tokens,
                     options.context);
  } else if (chat) {
    QKV_CHECK_OPTION(options.context <= options.batch_tokens,
                     "`batch_tokens` {} is less than `context` {}; a conversation of that length would fit into no batch",
                     options.batch_tokens, options.context);
  } else if (options.task == TrainTask::translation) {
    QKV_CHECK_OPTION(options.max_length <= options.batch_tokens,
                     "`batch_tokens` {} is less than `max_length` {}; a pair of that length would fit into no batch", options.batch_tokens,
                     options.max_length);
  }
}

}  // namespace

void check_train_options(const TrainOptions& options) {
  check_ranges(train_option_table(), options);
  check_data_options(options);
  check_lengths(options);
  QKV_CHECK_OPTION(!(options.resume && options.overwrite), "`resume` and `overwrite` exclude each other; give one of them");
  QKV_CHECK_OPTION(options.slices == 0 || std::has_single_bit(static_cast<uint64_t>(options.slices)),
                   "`slices` {} is not a power of two; possible: 1, 2, 4, 8, 16, ...", options.slices);
  QKV_CHECK_OPTION(options.hidden_size % options.num_attention_heads == 0, "`num_attention_heads` {} does not divide `hidden_size` {}",
                   options.num_attention_heads, options.hidden_size);
  const int64_t head_dim = options.hidden_size / options.num_attention_heads;
  QKV_CHECK_OPTION(options.num_key_value_heads == 0 || options.num_attention_heads % options.num_key_value_heads == 0,
                   "`num_key_value_heads` {} does not divide `num_attention_heads` {}", options.num_key_value_heads,
                   options.num_attention_heads);
  QKV_CHECK_OPTION(options.position != PositionKind::sinusoidal || options.hidden_size % 2 == 0,
                   "`hidden_size` {} is odd; sinusoidal positions need pairs", options.hidden_size);
  QKV_CHECK_OPTION(options.position != PositionKind::rope || head_dim % 2 == 0,
                   "`position` rope turns pairs of columns; heads of `hidden_size` {} / `num_attention_heads` {} = {} are odd",
                   options.hidden_size, options.num_attention_heads, head_dim);
  QKV_CHECK_OPTION(options.schedule == LearningRateSchedule::constant || options.min_lr <= options.learning_rate,
                   "`min_lr` {} is more than `learning_rate` {}", options.min_lr, options.learning_rate);
  QKV_CHECK_OPTION(options.max_steps || options.max_epochs || options.max_minutes > 0 || options.patience,
                   "nothing would end the training; give `max_steps`, `max_epochs`, `max_minutes` or `patience`");
  if (options.schedule == LearningRateSchedule::cosine) {
    const int64_t total = options.schedule_steps ? options.schedule_steps : options.max_steps;
    if (total == 0 && options.max_minutes > 0) return;  // the end follows from the time
    QKV_CHECK_OPTION(total, "`schedule` cosine needs its end: `schedule_steps`, `max_steps` or `max_minutes`");
    QKV_CHECK_OPTION(total > options.warmup_steps, "`warmup_steps` {} leaves nothing of the cosine's {} steps", options.warmup_steps,
                     total);
  }
}

}  // namespace qkv
