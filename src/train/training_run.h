// One training from its first update (or a checkpoint) to its end.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/timing.h"
#include "evaluate/validation.h"
#include "models/model.h"
#include "train/optimizer.h"
#include "train/output/checkpoint.h"
#include "train/output/event_file.h"
#include "train/output/output_directory.h"
#include "train/output/train_log.h"
#include "train/output/training_state.h"
#include "train/tasks/batch_feed.h"

namespace qkv {

// What a run works on; all of it stays with the caller.
struct TrainingInputs {
  const TrainOptions& options;
  const TrainCallbacks& callbacks;
  const OutputDirectory& output;
  const BatchSource& batches;
  const Validation& validation;
  Stopwatch watch;  // of this session, for --max-minutes
};

class TrainingRun {
 public:
  // `model` as it starts; its state is that of `checkpoint` (verified by the caller) where it is given.
  TrainingRun(const TrainingInputs& inputs, std::unique_ptr<Model> model, TrainingState state,
              const std::optional<std::filesystem::path>& checkpoint);

  // Trains until something ends it. Throws as train() does.
  TrainResult run();
  int64_t weights() const { return model_->parameters.count(); }

 private:
  void make_update();
  void validate();
  void save();
  void stop_if_asked();
  void report_step(const Update& update, double loss, double rate, double norm);
  void check_finite(double loss, double norm, double rate) const;
  std::optional<TrainEnd> reached_end() const;
  double elapsed() const;
  double remaining() const;
  std::string last_checkpoint() const;
  std::vector<CheckpointPart> parts() const;

  TrainingInputs in_;
  TrainingState state_;
  double earlier_seconds_;  // of earlier sessions
  std::unique_ptr<Model> model_;
  std::unique_ptr<Model> averaged_;  // null: no average
  AdamW optimizer_;
  TrainLog log_;
  std::optional<EventFile> events_;
  std::optional<BatchFeed> feed_;

  int64_t first_step_ = 0;     // of this session
  int64_t saved_step_ = -1;    // of the newest checkpoint; -1: none, or the state has changed since
  double loop_start_ = 0;      // elapsed() when the first update of this session began
  double window_seconds_ = 0;  // of updates since the last logged step, this session's
  int64_t window_speed_tokens_ = 0;
  double validation_seconds_ = -1;  // that the last one took; -1: none yet
  double save_seconds_ = 0;
};

// The number that stands behind an end: --max-steps and so on.
double limit_of(const TrainOptions& options, TrainEnd end);

}  // namespace qkv
