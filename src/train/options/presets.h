// Named shapes and recipes; apply_preset() of the public API applies one.
#pragma once

#include "qkv/trainer.h"

namespace qkv {

// The default preset of a task.
const char* default_preset(TrainTask task);

}  // namespace qkv
