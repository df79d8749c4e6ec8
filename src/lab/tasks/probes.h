// Probes that several questions use: a network learns one thing, and a number tells how well.
#pragma once

#include <functional>
#include <string>

#include "lab/networks/network.h"
#include "lab/record/experiment.h"
#include "lab/tasks/synthetic.h"

namespace qkv::lab {

struct Probe {
  int64_t steps = 1000;  // of the full training
  int64_t sequences = 16;
  double learning_rate = 2e-3;
  int context = 64;  // in characters, for text
};

// Learns to predict the characters of the text. Values "parameters" and "bits per byte" (of a uniform guess if training diverged), series
// "text loss". `look`, if given, is called with the trained network.
void learn_text(const Job& job, NetworkOptions options, const Probe& probe, Outcome& outcome,
                const std::function<void(const Network&)>& look = {});

// Learns a task. Value "NAME accuracy", series "NAME loss". `look`, if given, is called with the trained network.
void learn_task(const Job& job, NetworkOptions options, const TaskOptions& task, const std::string& name, const Probe& probe,
                Outcome& outcome, const std::function<void(const Network&)>& look = {});

}  // namespace qkv::lab
