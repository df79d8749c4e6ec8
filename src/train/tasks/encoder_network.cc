#include "train/tasks/encoder_network.h"

#include "base/option_error.h"

namespace qkv {

void shape_encoder(UniformConfig& config, Head head, const TrainOptions& options, int64_t positions) {
  config.kind = Kind::encoder_only;
  config.decoder_layers = 0;
  config.max_position_embeddings = static_cast<int>(positions);
  config.scale_embedding = options.position == PositionKind::sinusoidal;
  config.final_logits_bias = false;
  config.token_types = 2;  // first and second text of a pair, as in BERT
  config.embedding_norm = true;
  config.head = head;
}

void adapt_encoder(TransformerConfig& config, Head head, const TrainOptions& options, int64_t positions) {
  if (positions > config.max_position_embeddings) {
    fail_option(ErrorCode::bad_input, "`init` {}: the model has {} positions, fewer than `{}` {}", options.init.string(),
                config.max_position_embeddings, options.task == TrainTask::mlm ? "context" : "max_length", positions);
  }
  config.head = head;
  if (!config.has_decoder()) return;
  config.final_logits_bias = false;  // no tokens are predicted
  config.output_scale = 1;
}

TokenizerTrainerOptions word_piece_options(const TrainOptions& options, const Progress& progress) {
  TokenizerTrainerOptions trainer{.pipeline = TokenizerPipeline::word_pieces,
                                  .score = WordPieceScore::frequency,
                                  .progress = progress,
                                  .cancellation = options.cancellation};
  trainer.vocab_size = options.vocab_size ? options.vocab_size : options.vocab_size_limit;
  trainer.vocab_size_is_upper_bound = options.vocab_size == 0;
  return trainer;
}

EncoderRunOptions run_options(const TrainOptions& options) {
  return {.batch_tokens = options.batch_tokens, .dtype = activation_type(options), .cancellation = options.cancellation};
}

int32_t pad_token(const Tokenizer& tokenizer) {
  for (const char* name : {"[PAD]", "<pad>"}) {
    if (const int32_t id = tokenizer.token_to_id(name); id >= 0) return id;
  }
  return 0;
}

}  // namespace qkv
