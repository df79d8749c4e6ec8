// The network that the options of a training describe.
#pragma once

#include <string>

#include "nn/transformer_config.h"
#include "train/tasks/training_task.h"

namespace qkv {

// The network to train, or that of options.init with the head of the task.
TransformerConfig make_config(const TrainOptions& options, const TrainingTask& task, const Tokenizer& tokenizer);

// "3+3" for encoder and decoder layers, or the number of layers if there is only one stack.
std::string layers_of(const TransformerConfig& config);

// The longest translation that a trained model writes, in tokens.
int length_limit(int64_t longest_target, const TransformerConfig& config);

}  // namespace qkv
