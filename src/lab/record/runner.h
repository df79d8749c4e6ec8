// Runs the missing parts of experiments and stores each finished run as a file.
#pragma once

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "lab/record/experiment.h"

namespace qkv::lab {

struct RunOptions {
  std::vector<std::string> experiments;  // names; empty: all
  double effort = 1;                     // share of the full training
  int seeds = 0;                         // 0: each experiment's own number
  std::filesystem::path output;
  Data data;
  const CancellationToken* cancellation = nullptr;
};

// The effort of --quick: an eighth of the training, for three seeds.
inline constexpr double kQuickEffort = 0.125;
inline constexpr int kQuickSeeds = 3;

struct RunProgress {
  const Experiment& experiment;
  int64_t done = 0, total = 0;  // runs of all experiments
  std::string last;             // the run that ended last: "score_scale: one, seed 3: 38 s"
};

// Runs each (arm, seed) without a record in `output`: experiments without timing in parallel, one thread each; those with timing one after
// the other with all threads. Ends with Error(interrupted) when cancelled; finished runs stay, and the next call continues. Throws
// Error(invalid_argument) before anything runs if a name is unknown, data or memory are insufficient, or `output` holds records of another
// effort or other data.
void run_experiments(const RunOptions& options, const std::function<void(const RunProgress&)>& report);

}  // namespace qkv::lab
