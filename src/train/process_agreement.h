// What several processes must have in common before they train together.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "processes/process_group.h"
#include "qkv/trainer.h"
#include "train/output/training_state.h"

namespace qkv {

// Sets the number of slices where none is given: that of the resumed checkpoint, 16 under a launcher, or else 1. Throws
// Error(invalid_argument) if the number of processes does not divide it.
void choose_slices(TrainOptions& options, const std::optional<TrainingState>& before, const ProcessGroup& group);

// Throws Error(invalid_argument) if a text comes through a pipe, which only one process could read.
void check_shared_texts(const TrainOptions& options, const ProcessGroup& group);

// Throws Error(bad_input) in all processes if one differs from the first: in the program, the instruction set, an option that decides the
// weights, the content of an input file, or the checkpoint. `checkpoint` is the text of its checksums; empty: none.
void check_agreement(ProcessGroup& group, const TrainingState& state, const std::string& checkpoint);

}  // namespace qkv
