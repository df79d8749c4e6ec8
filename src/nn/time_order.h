// Packed sequences in time order, as recurrent layers process them: the first rows of all sequences, then their second rows, …
#pragma once

#include <vector>

#include "tensor/segments.h"

namespace qkv {

struct TimeOrder {
  explicit TimeOrder(const Segments& sequences);

  Segments steps;              // sequence t: the rows of step t, longest sequences first
  std::vector<int32_t> order;  // the packed row at each row in time order
  std::vector<int32_t> place;  // the row in time order of each packed row
};

}  // namespace qkv
