// One function per class of transformers; each family of classes has its own file.
#pragma once

#include "models/architecture.h"

namespace qkv {

Architecture marian();
Architecture pegasus();
Architecture t5();
Architecture mt5();
Architecture umt5();
Architecture bart();
Architecture mbart();
Architecture m2m100();
Architecture gpt2();
Architecture llama();
Architecture mistral();
Architecture qwen2();
Architecture qwen3();
Architecture bert_masked_lm();
Architecture bert_classifier();
Architecture bert_model();
Architecture own();

}  // namespace qkv
