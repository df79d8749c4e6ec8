// Derives the number of updates, the schedule and the open choices of a preset from a limit of time (--max-minutes).
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/trainer.h"

namespace qkv {

// Did somebody choose this option? Then it stays as it is. `name`: of train_option_table().
bool is_given(const TrainOptions& options, std::string_view name);

// Does the schedule follow max_minutes? It does where its end is not given otherwise, and it has one.
bool follows_minutes(const TrainOptions& options);

// The sizes of batches to choose from, smallest first: that of the options alone, but with presets tiny and small, where nobody chose one.
std::vector<int64_t> batch_choices(const TrainOptions& options);
constexpr int64_t kEnoughUpdates = 10'000;  // a larger batch is chosen only where it leaves so many

// Measurements before the first update.
struct PlanBasis {
  double seconds_per_update = 0;
  double seconds = 0;             // that are left, for updates, validations and checkpoints
  int64_t updates_per_epoch = 0;  // of the batches in use
  int64_t batch_tokens = 0;       // of them
  double validation_share = 0;    // what is validated on, as a share of an epoch; 0: not known

  // Seconds of one validation. It translates, token by token, which takes about twice the time of learning the same tokens.
  double validation_seconds() const { return 2 * validation_share * seconds_per_update * static_cast<double>(updates_per_epoch); }
};

// The updates that fit, at least 1; not more than max_steps and max_epochs allow.
int64_t updates_that_fit(const TrainOptions& options, const PlanBasis& basis);

// Sets what is open: the schedule and its end, warm-up, and with presets tiny and small dropout, learning rate and the distance of
// validations. Returns a line for each choice, with its reason.
std::vector<std::string> apply_plan(TrainOptions& options, const PlanBasis& basis);

// Options as text that make the same weights without measuring: "--max-steps 9120 --schedule cosine …".
std::string options_of_plan(const TrainOptions& options);

// Takes open choices from an earlier session: `recorded` holds the options of its checkpoint by name. `planned`: that session followed
// the time; then this one needs no limit of time to go on as it would have.
void adopt_plan(TrainOptions& options, const std::map<std::string, std::string>& recorded, bool planned);

}  // namespace qkv
