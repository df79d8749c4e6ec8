// Stores the models of a training, its checkpoints, and the resulting model directory.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>

#include "models/model.h"
#include "qkv/trainer.h"
#include "train/gradient_step.h"
#include "train/output/checkpoint.h"
#include "train/output/output_directory.h"
#include "train/output/training_state.h"

namespace qkv {

class TrainingStore {
 public:
  // `model` has its initial weights. `options` and `output` must outlive this object.
  TrainingStore(const TrainOptions& options, const OutputDirectory& output, std::unique_ptr<Model> model);

  Model& model() { return *model_; }
  Model* averaged() { return averaged_.get(); }  // null: no averaging
  // The model that is validated and kept.
  const Model& judged() const { return averaged_ ? *averaged_ : *model_; }

  // Reads the tensors of a verified checkpoint; `step` is the checkpoint's.
  void load(const std::filesystem::path& checkpoint, GradientStep& updates, int64_t step);
  // Writes a checkpoint, which is a model directory of the judged weights too; returns false if the newest one already contains this state.
  // All processes call it: the first one writes the weights and seals the checkpoint, each its own moments.
  bool save(const TrainingState& state, GradientStep& updates);
  std::filesystem::path checkpoint_of(int64_t step) const { return output_.checkpoints() / fmt::format("step-{}", step); }
  void changed() { saved_step_ = -1; }  // marks the state as different from the newest checkpoint
  // Writes the model directory with the current judged weights.
  void keep_model() const { save_model(judged(), output_.path()); }
  std::string last_checkpoint() const;  // for messages
  // A line that warns where the disk of the directory has less room than a new training takes; empty: there is enough, or nobody can tell.
  std::string lack_of_room() const;

 private:
  using AddFiles = std::function<void(const std::filesystem::path& directory)>;

  std::vector<CheckpointPart> weights() const;  // the files of a checkpoint that the first process writes
  void write(const TrainingState& state, const AddFiles& moments) const;

  const TrainOptions& options_;
  const OutputDirectory& output_;
  std::unique_ptr<Model> model_, averaged_;
  int64_t saved_step_ = -1;  // step of the newest checkpoint; -1: none, or the state has changed since
};

}  // namespace qkv
