// One function per architecture, each in a file of its own.
#pragma once

#include "models/architecture.h"

namespace qkv {

Architecture marian();
Architecture pegasus();
Architecture gpt2();
Architecture llama();
Architecture mistral();
Architecture own();

}  // namespace qkv
