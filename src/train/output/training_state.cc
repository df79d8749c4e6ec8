#include "train/output/training_state.h"

#include "base/option_error.h"
#include "base/split.h"
#include "formats/json.h"
#include "train/options/given_options.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

constexpr int kVersion = 1;

// Calls visit(key, member) for each member, so that the writer and the reader share one list.
template <typename State, typename Visit>
void for_each_member(State& state, Visit&& visit) {
  visit("step", state.step);
  visit("batches", state.batches);
  visit("epoch", state.epoch);
  visit("index", state.index);
  visit("elapsed_seconds", state.elapsed_seconds);
  visit("best_score", state.best_score);
  visit("best_loss", state.best_loss);
  visit("best_step", state.best_step);
  visit("score_name", state.score_name);
  visit("validations_without_better", state.validations_without_better);
  visit("last_validation_step", state.last_validation_step);
  visit("window_loss", state.window_loss);
  visit("window_tokens", state.window_tokens);
  visit("finished", state.finished);
  visit("finished_limit", state.finished_limit);
  visit("planned_steps", state.planned_steps);
  visit("isa", state.isa);
  visit("options", state.options);
  visit("inputs", state.inputs);
}

}  // namespace

TrainResult result_of(const TrainingState& state, TrainEnd end, bool was_finished, double elapsed_seconds) {
  return {state.step, end, was_finished, state.best_score, state.score_name, state.best_loss, state.best_step, elapsed_seconds};
}

std::string to_json(const TrainingState& state) {
  nlohmann::json json{{"version", kVersion}};
  for_each_member(state, [&](const char* key, const auto& member) { json[key] = member; });
  return json.dump(1) + "\n";
}

TrainingState parse_training_state(const std::string& text, const std::filesystem::path& path) {
  TrainingState state;
  try {
    const auto json = nlohmann::json::parse(text);
    if (json.at("version") != kVersion) {
      fail(ErrorCode::bad_input, "{}: version {} of the training state; this qkv reads version {}", path.string(),
           json.at("version").dump(), kVersion);
    }
    for_each_member(state, [&](const char* key, auto& member) {
      const std::string_view name = key;  // early states have neither of these
      if ((name != "score_name" && name != "planned_steps") || json.contains(key))
        json.at(key).get_to(member);  // states of early versions have no score name
    });
  } catch (const nlohmann::json::exception& error) {
    fail(ErrorCode::bad_input, "{}: not a training state of this qkv: {}", path.string(), error.what());
  }
  return state;
}

std::map<std::string, std::string> deciding_options(const TrainOptions& options) {
  std::map<std::string, std::string> values;
  for (const TrainOption& option : train_option_table()) {
    if (option.decides_weights && unused_reason(options, option.name).empty()) values[option.name] = option.get(options);
  }
  if (options.slices <= 1) values.erase("slices");  // as in trainings before there were any
  // Without schedule_steps, the cosine ends at max_steps.
  if (options.schedule == LearningRateSchedule::cosine && !options.schedule_steps)
    values["schedule-steps"] = std::to_string(options.max_steps);
  return values;
}

void check_continues(const TrainingState& before, const TrainingState& now, const TrainOptions& options) {
  const bool same_schedule = [&] {
    const auto found = before.options.find("schedule");
    return found != before.options.end() && found->second == now.options.at("schedule");
  }();
  for (const auto& [name, value] : now.options) {
    const auto found = before.options.find(name);
    // An option that is newer than the checkpoint had its default.
    const std::string earlier = found == before.options.end() ? find_train_option(name)->default_value : found->second;
    if (earlier == value) continue;
    if (name == "schedule-steps" && same_schedule && !options.schedule_steps) {  // it moved with --max-steps
      fail_option(ErrorCode::invalid_argument,
                  "`schedule_steps` is {} (by default `max_steps`), but this training began with {}; give `schedule_steps` {} to resume it",
                  value, earlier, earlier);
    }
    if (find_train_option(name)->may_change) continue;
    fail_option(ErrorCode::invalid_argument,
                "`{}` is {}, but this training began with {}; resume it with the same value, or start anew with `overwrite`",
                field_of(name), value, earlier);
  }
  for (const auto& [name, value] : now.inputs) {
    const auto found = before.inputs.find(name);
    if (found != before.inputs.end() && found->second == value) continue;
    fail_option(ErrorCode::invalid_argument,
                "the {} is not the one that this training began with; resume it with the same files, or start anew with `overwrite`", name);
  }
}

namespace {

std::string shown(const std::string& value) {
  if (value.empty()) return "not given";
  std::string text;
  for (const std::string& part : split(value, kBetweenFiles)) text += (text.empty() ? "" : ", ") + part;
  return text;
}

}  // namespace

std::vector<std::string> changed_options(const TrainOptions& before, const TrainOptions& now) {
  std::vector<std::string> changes;
  for (const TrainOption& option : train_option_table()) {
    const bool says_nothing =
        is_short_form(option.name) || option.name == "preset" || option.name == "output" || !unused_reason(now, option.name).empty();
    const std::string earlier = option.get(before), value = option.get(now);
    if (!says_nothing && earlier != value)
      changes.push_back(fmt::format("--{} is {} (before: {})", option.name, shown(value), shown(earlier)));
  }
  return changes;
}

}  // namespace qkv
