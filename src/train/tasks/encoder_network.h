// Encoder networks for training: their shape and their heads.
#pragma once

#include "evaluate/encoder_outputs.h"
#include "models/model.h"
#include "nn/uniform_config.h"
#include "qkv/tokenizer_trainer.h"
#include "train/tasks/training_task.h"

namespace qkv {

// Changes the config of the options' network to an encoder with BERT's embeddings, `positions` positions and the head.
void shape_encoder(UniformConfig& config, Head head, const TrainOptions& options, int64_t positions);
// Sets the head of a pretrained encoder, or of an encoder-decoder for labels of texts. Throws Error(bad_input) if it has fewer than
// `positions` positions.
void adapt_encoder(TransformerConfig& config, Head head, const TrainOptions& options, int64_t positions);

// A WordPiece tokenizer of the size that the training's options ask for.
TokenizerTrainerOptions word_piece_options(const TrainOptions& options, const Progress& progress);

// How a validation runs the encoder.
EncoderRunOptions run_options(const TrainOptions& options);

// Id of [PAD] or <pad>; 0 if there is neither, since packed sequences need no padding.
int32_t pad_token(const Tokenizer& tokenizer);

}  // namespace qkv
