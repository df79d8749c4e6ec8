// Runs one training from its first update (or a checkpoint) to its end, using the other parts of train/.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/timing.h"
#include "evaluate/validation.h"
#include "train/gradient_step.h"
#include "train/stop_policy.h"
#include "train/tasks/batch_feed.h"
#include "train/train_reporter.h"
#include "train/training_store.h"

namespace qkv {

// Inputs of a run; all references must outlive it.
struct TrainingInputs {
  const TrainOptions& options;
  const TrainCallbacks& callbacks;
  const OutputDirectory& output;
  const BatchSource& batches;
  const Validation& validation;
  const GradientExchange& exchange;
  Stopwatch watch;  // time of this session, for --max-minutes
};

class TrainingRun {
 public:
  // `model` has its initial weights. If `checkpoint` is given, it must be verified and `state` must be its state.
  TrainingRun(const TrainingInputs& inputs, std::unique_ptr<Model> model, TrainingState state,
              const std::optional<std::filesystem::path>& checkpoint);

  // Trains until an end condition is reached. Throws the errors of train().
  TrainResult run();
  int64_t weights() { return store_.model().parameters.count(); }

 private:
  TrainResult finish(TrainEnd end);
  void make_update(BatchFeed& feed);
  void validate();
  std::optional<ValidationResult> judge();
  void save();
  // What all processes decide together.
  struct Decision {
    std::optional<TrainEnd> end;
    bool stop = false;
  };
  Decision decide() const;
  [[noreturn]] void stop();
  ProcessGroup& group() const { return in_.exchange.group(); }
  std::string what_is_left() const;
  void report_epoch_time();
  void activity(std::string_view what) const;
  void check_finite(const StepResult& result) const;

  static constexpr double kEpochReportSeconds = 3;  // of updates, until the time of an epoch is told

  TrainingInputs in_;
  TrainingState state_;
  TrainingStore store_;
  GradientStep step_;
  StopPolicy stop_;
  std::optional<TrainReporter> reporter_;  // of the first process
  double update_seconds_ = 0;              // of this session, and how many they took
  int64_t updates_ = 0;
  bool epoch_reported_ = false;
};

}  // namespace qkv
