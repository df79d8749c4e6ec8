// One question of the lab: its measurement, its claims and their decision rule. lab/questions/ has a file for each; the pages' prose is in
// lab/pages/text/.
#pragma once

#include <algorithm>
#include <cmath>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "lab/record/claim.h"
#include "lab/record/record.h"
#include "qkv/cancellation.h"
#include "qkv/tokenizer_trainer.h"

namespace qkv::lab {

// Real texts to train on; missing ones are replaced by the demo generator's and synthetic data.
struct Data {
  std::filesystem::path text;                                       // plain text
  std::filesystem::path translation_source, translation_target;     // a sentence per line; validation by files beside them (tasks.h)
  std::filesystem::path classification_train, classification_test;  // "label TAB text" or as SST-2's files
};

// One run: an arm (a variant in the comparison) with a seed, which determines weights, data and dropout equally for all arms.
struct Job {
  std::string arm;
  uint64_t seed = 1;
  double effort = 1;  // share of the full training
  const Data& data;
  std::filesystem::path scratch;  // a directory for temporary files, shared by all jobs
  const CancellationToken* cancellation = nullptr;

  // The same options, cancelled with the job.
  TokenizerTrainerOptions cancellable(TokenizerTrainerOptions options) const {
    options.cancellation = cancellation;
    return options;
  }
  // Number of training steps or the like, scaled by the effort.
  int64_t scaled(int64_t full) const { return std::max<int64_t>(1, std::llround(static_cast<double>(full) * effort)); }
  // Number of windows or batches for evaluation: reduced only if the effort is below a tenth.
  int64_t judged(int64_t full) const { return std::min(full, scaled(10 * full)); }
};

// A column of the page's table: a value of each arm with its mean and standard deviation.
struct Column {
  std::string value, header;
  int digits = 3;  // after the decimal point
};

struct Experiment {
  std::string name;      // on the command line: "score_scale"
  std::string question;  // "Why divide by √d_k?"
  bool timed = false;    // measures time: its runs have the machine to themselves, and all its threads
  int seeds = 5;
  int64_t memory_mib = 256;  // upper bound for a run
  std::vector<std::string> arms;
  std::string source = {};             // its file in lab/questions/; empty: NAME.cc
  std::vector<std::string> data = {};  // members of Data that it uses: "text", "translation", "classification"

  std::function<Outcome(const Job&)> run;
  std::vector<Claim> claims;
  std::vector<Column> columns;
};

// All of them, in the order of the report.
const std::vector<Experiment>& experiments();
// Throws Error(invalid_argument) with the list and the nearest name.
const Experiment& find_experiment(const std::string& name);

}  // namespace qkv::lab
