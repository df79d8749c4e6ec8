// Several processes of one program that work on one task: who they are, and transfers between them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/error.h"

namespace qkv {

// Another process ended with an error and reports it; this one ends without a message of its own.
class EndedElsewhere final : public Error {
 public:
  using Error::Error;
};

// All functions that transfer data are called by every process of the group in the same order, from one thread. They throw EndedElsewhere
// if another process left with an error, and Error(io) that names it if it was lost.
class ProcessGroup {
 public:
  virtual ~ProcessGroup() = default;

  int size() const { return static_cast<int>(hosts_.size()); }
  int rank() const { return rank_; }  // number of this process, from 0
  bool first() const { return rank_ == 0; }
  bool launched() const { return launched_; }  // by mpirun or srun, even if it is the only one
  const std::string& host(int rank) const { return hosts_[static_cast<size_t>(rank)]; }
  std::string name(int rank) const;         // "process 3 (on node7)"
  int threads() const { return threads_; }  // this process's share of its host's processors; 0: not known

  // Sends `out` to `to` and receives `in` from `from`; an empty span is not transferred.
  virtual void exchange(int to, std::span<const std::byte> out, int from, std::span<std::byte> in) = 0;

  // Ends the membership because of an error. Returns true if this process should report it: a process with a lower number that leaves
  // because of an error of its own at the same time reports instead.
  virtual bool leave(const Error& error) = 0;

  void broadcast(std::span<std::byte> data);       // process 0's bytes for all
  std::string broadcast(const std::string& text);  // process 0's text
  double broadcast(double value);
  std::vector<std::string> gather(const std::string& text);  // the texts of all processes, in their order, for all
  void wait_for_all();
  // Replaces the values by their sums over all processes. A power of two of processes adds them in a binary tree over the processes'
  // numbers: where these hold sums of subtrees of a larger tree, their number does not matter. Others add one after another.
  void tree_sum(std::span<double> values);

 protected:
  int rank_ = 0, threads_ = 0;
  bool launched_ = false;
  std::vector<std::string> hosts_{""};
};

// The processes that a launcher started together with this one; a group of one without a launcher. The first call joins them, which takes
// about a second. Throws Error(unsupported) if this build or machine cannot.
ProcessGroup& process_group();

}  // namespace qkv
