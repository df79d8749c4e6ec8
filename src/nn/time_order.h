// Packed sequences in the order of time, as recurrent layers run through them: the first rows of all sequences, then their second rows, …
#pragma once

#include <vector>

#include "tensor/segments.h"

namespace qkv {

struct TimeOrder {
  explicit TimeOrder(const Segments& sequences);

  Segments steps;              // sequence t: the rows of step t, longest sequences first
  std::vector<int32_t> order;  // which packed row lies at each row in the order of time
  std::vector<int32_t> place;  // and where each packed row lies in it
};

}  // namespace qkv
