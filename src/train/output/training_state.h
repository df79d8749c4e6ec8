// The state of a training besides its tensors: state.json of a checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "qkv/trainer.h"

namespace qkv {

struct TrainingState {
  int64_t step = 0;              // updates made
  int64_t batches = 0;           // batches used so far; the step of dropout's random numbers
  int64_t epoch = 0, index = 0;  // position of the next batch in the data
  double elapsed_seconds = 0;    // wall-clock time of all sessions

  // Best validation so far; score -1: none yet. A validation is better if its score (ValidationResult::score) is higher, or equal with a
  // lower loss.
  double best_score = -1, best_loss = 0;
  int64_t best_step = 0;
  std::string score_name;  // "BLEU", "exact match", "accuracy"; empty if only the loss ranks validations
  int64_t validations_without_better = 0;
  int64_t last_validation_step = 0;

  // Sums since the last logged step, so that the log of a resumed training has the averages of an uninterrupted one.
  double window_loss = 0;
  int64_t window_tokens = 0;

  std::string finished;                        // name_of(TrainEnd) of the end; empty: not finished
  double finished_limit = 0;                   // the limit that ended it, such as --max-steps; a higher one continues the training
  int64_t planned_steps = 0;                   // updates that fit into --max-minutes, as measured before the first; 0: nothing was measured
  std::string isa;                             // instruction set that computed the numbers
  std::map<std::string, std::string> options;  // by name; only options that affect the weights
  std::map<std::string, std::string> inputs;   // hash of the content of each input
};

// The result of train() in this state.
TrainResult result_of(const TrainingState& state, TrainEnd end, bool was_finished, double elapsed_seconds);

std::string to_json(const TrainingState& state);
// Throws Error(bad_input) with `path` if the text is not a state of this version.
TrainingState parse_training_state(const std::string& text, const std::filesystem::path& path);

// The options that affect the weights, as to_json stores them.
std::map<std::string, std::string> deciding_options(const TrainOptions& options);

// Throws Error(invalid_argument), naming the option or the file, if a training with `now` (made with `options`) would not continue the
// one of `before`.
void check_continues(const TrainingState& before, const TrainingState& now, const TrainOptions& options);

// Options whose values differ although they may: "lr is 0.001 (before: 0.002)".
std::vector<std::string> changed_options(const TrainOptions& before, const TrainOptions& now);

}  // namespace qkv
