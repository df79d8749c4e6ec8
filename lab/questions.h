// The questions, each in the file of its name.
#pragma once

#include "lab/experiment.h"

namespace qkv::lab {

Experiment self_attention();  // Is self-attention the core?
Experiment scaling();         // Why divide by √d_k?

}  // namespace qkv::lab
