// The middle of some measurements.
#pragma once

#include <algorithm>
#include <vector>

namespace qkv {

// The middle value, or the upper of the two middle ones. `values` is not empty.
inline double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + std::ssize(values) / 2, values.end());
  return values[values.size() / 2];
}

}  // namespace qkv
