// What several questions ask of a network: to learn one thing, and a number that says how well.
#pragma once

#include <functional>
#include <optional>
#include <string>

#include "lab/networks/network.h"
#include "lab/networks/pair_network.h"
#include "lab/record/experiment.h"
#include "lab/tasks/synthetic.h"

namespace qkv::lab {

struct Probe {
  int64_t steps = 1000;  // of the full training
  int64_t sequences = 16;
  double learning_rate = 2e-3;
  int context = 64;  // characters at a time, of text
};

// Learns to predict the characters of the text. Values "parameters" and "bits per byte" (of a uniform guess where training diverged),
// series "text loss". Where it is given, `look` sees the trained network.
void learn_text(const Job& job, NetworkOptions options, const Probe& probe, Outcome& outcome,
                const std::function<void(const Network&)>& look = {});

// Learns a task. Value "NAME accuracy", series "NAME loss". Where it is given, `look` sees the trained network.
void learn_task(const Job& job, NetworkOptions options, const TaskOptions& task, const std::string& name, const Probe& probe,
                Outcome& outcome, const std::function<void(const Network&)>& look = {});

// Learns to translate with a small Transformer, or with `rival` in its place (its vocabulary is set here). Values "translation loss" and
// "translation parameters", series "translation loss".
void learn_translation(const Job& job, const std::optional<PairNetworkOptions>& rival, Outcome& outcome);

}  // namespace qkv::lab
