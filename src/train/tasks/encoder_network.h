// Encoders alone in training: their shape, and what a pretrained one gives to a new one.
#pragma once

#include "models/model.h"
#include "nn/uniform_config.h"
#include "qkv/tokenizer.h"
#include "qkv/trainer.h"

namespace qkv {

// Turns the network that the options describe into an encoder with BERT's embeddings, `positions` positions and the head.
void shape_encoder(UniformConfig& config, Head head, const TrainOptions& options, int64_t positions);
// Gives the pretrained network the head. Throws Error(bad_input) where it has fewer than `positions` positions.
void adapt_encoder(TransformerConfig& config, Head head, const TrainOptions& options, int64_t positions);

// The config of the network in options.init, with the options' dropouts. Throws Error(bad_input) where it is no encoder alone, or has fewer
// tokens than the tokenizer.
TransformerConfig pretrained_config(const TrainOptions& options, int32_t vocab_size);

// Every weight of `model` that the pretrained one has in the same shape is taken from there. A new head starts as it is.
void start_from_pretrained(Model& model, const TrainOptions& options);

// [PAD] or <pad>; 0 where there is none, as nothing is padded here.
int32_t pad_token(const Tokenizer& tokenizer);

}  // namespace qkv
