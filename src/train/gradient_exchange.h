// Divides an update among several processes: which slices each computes, the sum of their gradients, and the weights that each updates.
#pragma once

#include <cstdint>
#include <span>

#include "processes/process_group.h"
#include "train/parameter_row.h"

namespace qkv {

// The global batch of an update is cut into a fixed number of slices, a power of two. The gradients of slices are added in one binary tree
// in f32; the number of processes divides that of the slices, so each process has a whole subtree, and any number of processes gives the
// same sums. Each process then updates its own part of the weights (ZeRO stage 1, Rajbhandari et al. 2020, section 5.1), and all send each
// other the updated ones.
class GradientExchange {
 public:
  // The number of processes must divide `slices`. `transfer`: the type in which sums travel, f32, or bf16 for half the bytes; what is added
  // to is f32, but with bf16 the result depends on the number of processes. `group` must outlive this object.
  GradientExchange(ProcessGroup& group, int slices, DType transfer = DType::f32);

  ProcessGroup& group() const { return group_; }
  int slices() const { return slices_; }
  // One process and one slice: an update's gradients are those of its batches, without a tree.
  bool plain() const { return slices_ == 1; }
  // This process computes slices [first_slice(), last_slice()).
  int first_slice() const { return group_.rank() * share_; }
  int last_slice() const { return first_slice() + share_; }
  // And updates parts [first_part(), last_part()) of the row, which has as many parts as there are slices.
  int first_part() const { return part_of_process(group_.rank()); }
  int last_part() const { return first_part() + share_; }

  // Adds the sums of all processes in one bucket of a row: the values of this process's parts are whole afterwards.
  void add(const ParameterRow& row, size_t bucket, const Tensor& values) const;
  // Completes numbers of which every process has those of its own parts, and zeros.
  void complete(std::span<double> numbers) const { group_.tree_sum(numbers); }
  // Completes a row of which every process has its own parts.
  void share(const ParameterRow& row, const Tensor& values) const;
  // The same for the parameters themselves.
  void share(const ParameterRow& row, const ParameterStore& parameters) const;

 private:
  int part_of_process(int rank) const;

  ProcessGroup& group_;
  int slices_, share_;
  DType transfer_;
};

}  // namespace qkv
