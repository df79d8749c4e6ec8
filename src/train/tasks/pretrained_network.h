// Training that begins with the weights of another model.
#pragma once

#include "models/model.h"
#include "qkv/trainer.h"

namespace qkv {

// The config of the network in options.init with the options' dropout. Throws Error(bad_input) if the task needs another kind of network,
// or if it has fewer tokens than the tokenizer.
TransformerConfig pretrained_config(const TrainOptions& options, int32_t vocab_size);

// Copies every weight that the pretrained network has under the same name and shape. A new head keeps its initial values.
void start_from_pretrained(Model& model, const TrainOptions& options);

// A hash of the files with the weights.
uint64_t hash_of_pretrained(const TrainOptions& options);

}  // namespace qkv
