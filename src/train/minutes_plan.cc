#include "train/minutes_plan.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/number_text.h"
#include "base/progress.h"
#include "train/options/option_table.h"

namespace qkv {
namespace {

// All that a plan may decide, in the order in which a command line has it.
constexpr const char* kPlanned[] = {"schedule", "schedule-steps", "batch-tokens", "dropout", "lr", "warmup-steps", "validate-every"};

TrainOptions preset_of(const TrainOptions& options) {
  TrainOptions preset;
  apply_preset(preset, options.preset);
  return preset;
}

bool has_open_recipe(const TrainOptions& options) { return options.preset == "tiny" || options.preset == "small"; }

double two_digits(double value) {
  const double scale = std::pow(10, 1 - std::floor(std::log10(value)));
  return std::round(value * scale) / scale;
}

// Few passes over the data: nothing is learnt by heart yet. With `small` on Multi30k 0.1 was best at 9 passes, 0.2 at 16, 0.3 beyond. The
// few weights of `tiny` keep less: after 20 passes over pronunciations 7.2 % of the phonemes were wrong with 0.1, 7.9 % with 0.2 and with
// 0.3; after 2,500 updates on number words 96.6 % were right with 0.1, 96.1 % with 0.3.
struct DropoutPasses {
  double of_a_tenth, of_two;  // passes up to which dropout is 0.1 and 0.2; then it is 0.3
};
DropoutPasses dropout_passes(const TrainOptions& options) {
  return options.preset == "tiny" ? DropoutPasses{30, 60} : DropoutPasses{10, 20};
}

// The presets' peaks are those of an inverse square root, p * sqrt(w / t) at update t. Its mean over T updates is about 2 p sqrt(w / T), a
// cosine's is half its peak. The peaks are right for batches of 1,024 tokens; with 1 / k of them it is 1 / sqrt(k) of the peak (Malladi et
// al. 2022, section 5).
double peak_for(const TrainOptions& preset, int64_t updates, int64_t batch_tokens) {
  const double same_mean = 4 * preset.learning_rate * std::sqrt(static_cast<double>(preset.warmup_steps) / static_cast<double>(updates));
  const double smaller = std::sqrt(std::min(static_cast<double>(batch_tokens) / 1024, 1.0));
  return two_digits(std::min(preset.learning_rate, same_mean) * smaller);
}

// After 2,500 updates of 512 tokens with `small` on Multi30k, BLEU was 27.6 with a warm-up of 125 updates and 30.2 with 400 (peak 1.2e-3);
// with a peak of 1.9e-3 it was 24.7 and 29.2. After 1,500 updates of 1,024 tokens with `tiny` on number words, 90 % were right with 75
// updates and 95 % with 250 (peak 3e-3; 93 % with 2.1e-3, 87 % with 1.5e-3).
constexpr int64_t kWarmupPart = 6;

// As many as take a tenth of the time.
int64_t validations_in(const PlanBasis& basis) {
  constexpr double kMost = 5, kShare = 0.1;
  const double one = basis.validation_seconds();
  return one > 0 ? static_cast<int64_t>(std::clamp(kShare * basis.seconds / one, 1.0, kMost)) : static_cast<int64_t>(kMost);
}

}  // namespace

bool is_given(const TrainOptions& options, std::string_view name) {
  if (std::find(options.given.begin(), options.given.end(), name) != options.given.end()) return true;
  const TrainOption& option = *find_train_option(name);
  return option.get(options) != option.get(preset_of(options));
}

bool follows_minutes(const TrainOptions& options) {
  if (options.max_minutes <= 0 || is_given(options, "max-steps") || options.schedule_steps > 0) return false;
  return !is_given(options, "schedule") || options.schedule == LearningRateSchedule::cosine;
}

std::vector<int64_t> batch_choices(const TrainOptions& options) {
  if (!has_open_recipe(options) || is_given(options, "batch-tokens")) return {options.batch_tokens};
  std::vector<int64_t> sizes;
  const int64_t least = options.preset == "tiny" ? 1024 : 512, most = preset_of(options).batch_tokens;
  for (int64_t size = least; size <= most; size *= 2) {
    if (size >= options.max_length) sizes.push_back(size);
  }
  return sizes.empty() ? std::vector{options.batch_tokens} : sizes;
}

int64_t updates_that_fit(const TrainOptions& options, const PlanBasis& basis) {
  const double validation = basis.validation_seconds();
  // For checkpoints; and for validations where their time is not known.
  const double left = (validation > 0 ? 0.97 : 0.9) * basis.seconds;
  const bool open = has_open_recipe(options) && !is_given(options, "validate-every");
  const double per_update = basis.seconds_per_update + (open ? 0 : validation / static_cast<double>(options.validate_every));
  const double seconds = left - validation * (open ? static_cast<double>(validations_in(basis)) : 1);
  double updates = std::floor(std::clamp(seconds / std::max(per_update, 1e-9), 1.0, 1e12));
  if (options.max_steps > 0) updates = std::min(updates, static_cast<double>(options.max_steps));
  if (options.max_epochs > 0) updates = std::min(updates, static_cast<double>(options.max_epochs * basis.updates_per_epoch));
  return static_cast<int64_t>(updates);
}

std::vector<std::string> apply_plan(TrainOptions& options, const PlanBasis& basis) {
  const TrainOptions preset = preset_of(options);
  const int64_t updates = updates_that_fit(options, basis);
  const double passes = static_cast<double>(updates) / static_cast<double>(std::max<int64_t>(basis.updates_per_epoch, 1));
  std::vector<std::string> lines;
  const auto open = [&](const char* name) { return !is_given(options, name); };
  lines.push_back(fmt::format("an update takes {:.3g} s: {} updates fit into the time, {:.1f} passes over the data",
                              basis.seconds_per_update, updates, passes));
  if (constexpr int64_t kFew = 300; updates < kFew) {
    lines.push_back(fmt::format("fewer than {} updates teach little: {}smaller batches (--batch-tokens) or more minutes make more", kFew,
                                options.preset == "tiny"                 ? ""
                                : options.task == TrainTask::translation ? "a smaller network (--preset tiny), "
                                                                         : "a smaller network (--layers, --hidden-size), "));
  }
  if (has_open_recipe(options) && open("batch-tokens")) {
    options.batch_tokens = basis.batch_tokens;
    lines.push_back(
        options.batch_tokens == preset.batch_tokens
            ? fmt::format("batches of {} tokens: the preset's leave {} updates or more", options.batch_tokens, kEnoughUpdates)
            : fmt::format("batches of {} tokens: larger ones leave fewer than {} updates", options.batch_tokens, kEnoughUpdates));
  }
  if (has_open_recipe(options) && open("dropout")) {
    const auto [tenth, two] = dropout_passes(options);
    options.dropout = passes <= tenth ? 0.1 : passes <= two ? 0.2 : 0.3;
    lines.push_back(fmt::format("dropout {}: {:.1f} passes (0.1 up to {}, 0.2 up to {}, then 0.3)", options.dropout, passes, tenth, two));
  }
  if (has_open_recipe(options) && open("lr")) {
    options.learning_rate = peak_for(preset, updates, options.batch_tokens);
    lines.push_back(fmt::format(
        "learning rate {}: {}", options.learning_rate,
        options.learning_rate == preset.learning_rate
            ? "the preset's"
            : fmt::format("the preset's {}, adapted to {} updates of {} tokens", preset.learning_rate, updates, options.batch_tokens)));
  }
  if (const int64_t part = updates / kWarmupPart; open("warmup-steps") && options.warmup_steps > part) {
    options.warmup_steps = part;
    lines.push_back(fmt::format("warm-up of {} updates: a sixth of all", part));
  } else if (options.warmup_steps >= updates) {
    lines.push_back(fmt::format("the warm-up of {} updates is longer than the time", options.warmup_steps));
  }
  if (has_open_recipe(options) && open("validate-every")) {
    const int64_t validations = validations_in(basis);
    options.validate_every = (updates + validations - 1) / validations;
    lines.push_back(fmt::format("a validation each {} updates: {} in all, which take a tenth of the time at most", options.validate_every,
                                validations));
  }
  options.schedule = LearningRateSchedule::cosine;
  options.schedule_steps = updates;
  return lines;
}

std::string options_of_plan(const TrainOptions& options) {
  std::string text = fmt::format("--max-steps {}", options.schedule_steps);
  for (const std::string_view name : kPlanned) {
    if (name == "schedule-steps") continue;
    text += fmt::format(" --{} {}", name, find_train_option(name)->get(options));
  }
  return text;
}

void adopt_plan(TrainOptions& options, const std::map<std::string, std::string>& recorded, bool planned) {
  if (!planned && !follows_minutes(options)) return;
  std::vector<const TrainOption*> open;
  for (const char* name : kPlanned) {
    if (!is_given(options, name)) open.push_back(find_train_option(name));
  }
  for (const TrainOption* option : open) {
    const auto found = recorded.find(option->name);
    if (found != recorded.end()) option->set(options, found->second, "--" + option->name);
  }
}

}  // namespace qkv
