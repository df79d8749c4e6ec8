// Everything that a training knows besides its tensors: state.json of a checkpoint.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "qkv/trainer.h"

namespace qkv {

struct TrainingState {
  int64_t step = 0;              // updates made
  int64_t batches = 0;           // batches used: the step of dropout's random numbers
  int64_t epoch = 0, index = 0;  // place in the data: the next batch
  double elapsed_seconds = 0;    // wall clock, over all sessions

  // Best validation so far; score -1: none yet. A better one has a higher score (ValidationResult::score), or the same and less loss.
  double best_score = -1, best_loss = 0;
  int64_t best_step = 0;
  std::string score_name;  // "BLEU", "exact match", "accuracy", or empty where the loss alone decides
  int64_t validations_without_better = 0;
  int64_t last_validation_step = 0;

  // Sums since the last logged step, so that a resumed log shows the same averages.
  double window_loss = 0;
  int64_t window_tokens = 0;

  std::string finished;                        // why it ended (name_of(TrainEnd)); empty: it did not
  double finished_limit = 0;                   // the limit it ended at, --max-steps say: a higher one lets it go on
  std::string isa;                             // that the numbers were made with
  std::map<std::string, std::string> options;  // those that decide the weights, by name
  std::map<std::string, std::string> inputs;   // what was read, with a hash of its content
};

// What train() returns in this state.
TrainResult result_of(const TrainingState& state, TrainEnd end, bool was_finished, double elapsed_seconds);

std::string to_json(const TrainingState& state);
// Throws Error(bad_input), naming `path`, where the text is not a state of this version.
TrainingState parse_training_state(const std::string& text, const std::filesystem::path& path);

// The options that decide the weights, as to_json keeps them.
std::map<std::string, std::string> deciding_options(const TrainOptions& options);

// Throws Error(invalid_argument), naming the option or the file, where a training with `now` would not continue the one of `before`.
void check_continues(const TrainingState& before, const TrainingState& now);

}  // namespace qkv
