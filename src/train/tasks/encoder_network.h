// Encoder networks for training: their shape and their heads.
#pragma once

#include "models/model.h"
#include "nn/uniform_config.h"
#include "qkv/tokenizer.h"
#include "qkv/trainer.h"

namespace qkv {

// Changes the config of the options' network to an encoder with BERT's embeddings, `positions` positions and the head.
void shape_encoder(UniformConfig& config, Head head, const TrainOptions& options, int64_t positions);
// Sets the head of a pretrained network. Throws Error(bad_input) if it has fewer than `positions` positions.
void adapt_encoder(TransformerConfig& config, Head head, const TrainOptions& options, int64_t positions);

// Id of [PAD] or <pad>; 0 if there is neither, since packed sequences need no padding.
int32_t pad_token(const Tokenizer& tokenizer);

}  // namespace qkv
