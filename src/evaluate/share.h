// A share of an evaluation, for several processes that divide it among them.
#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "qkv/cancellation.h"

namespace qkv {

// Process `index` of `count` computes every count-th piece of work. By default one process computes all.
struct Share {
  int index = 0, count = 1;
  // Replaces each value by its sum over all processes, of which all but one have zero.
  std::function<void(std::span<double>)> sum;
  std::function<std::vector<std::string>(const std::string&)> gather;  // the texts of all processes

  bool has(size_t piece) const { return static_cast<int>(piece % static_cast<size_t>(count)) == index; }
  void complete(std::span<double> values) const {
    if (count > 1) sum(values);
  }
  // Shared work is not interrupted, as the others would wait for this process's part.
  const CancellationToken* interruptible(const CancellationToken* token) const { return count == 1 ? token : nullptr; }
};

}  // namespace qkv
