// Shapes and recipes by name; apply_preset() of the public API sets one.
#pragma once

#include "qkv/trainer.h"

namespace qkv {

// The preset of a task for which none is named.
const char* default_preset(TrainTask task);

}  // namespace qkv
