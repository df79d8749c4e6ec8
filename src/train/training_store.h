// The models of a training, its checkpoints, and the model directory that it leaves.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "models/model.h"
#include "qkv/trainer.h"
#include "train/optimizer.h"
#include "train/output/checkpoint.h"
#include "train/output/output_directory.h"
#include "train/output/training_state.h"

namespace qkv {

class TrainingStore {
 public:
  // `model` as it starts. `options` and `output` stay with the caller.
  TrainingStore(const TrainOptions& options, const OutputDirectory& output, std::unique_ptr<Model> model);

  Model& model() { return *model_; }
  Model* averaged() { return averaged_.get(); }  // null: no average
  // The weights that are validated and kept.
  const Model& judged() const { return averaged_ ? *averaged_ : *model_; }

  // Reads the tensors of a checkpoint that the caller has verified; `step` is its.
  void load(const std::filesystem::path& checkpoint, AdamW& optimizer, int64_t step);
  // Writes a checkpoint; false where the newest one holds this state already.
  bool save(const TrainingState& state, const AdamW& optimizer);
  void changed() { saved_step_ = -1; }  // the state differs from the newest checkpoint's in more than its step
  // The model directory, with the judged weights as they are now.
  void keep_model() const { save_model(judged(), output_.path()); }
  std::string last_checkpoint() const;  // for messages

 private:
  std::vector<CheckpointPart> parts(const AdamW& optimizer) const;

  const TrainOptions& options_;
  const OutputDirectory& output_;
  std::unique_ptr<Model> model_, averaged_;
  int64_t saved_step_ = -1;  // of the newest checkpoint; -1: none, or the state has changed since
};

}  // namespace qkv
