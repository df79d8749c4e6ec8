#include "train/tasks/encoder_network.h"

#include "base/option_error.h"
#include "models/model_directory.h"

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
}

TransformerConfig pretrained_config(const TrainOptions& options, int32_t vocab_size) {
  TransformerConfig config = ModelDirectory(options.init).config();
  if (config.has_decoder()) {
    fail_option(ErrorCode::bad_input, "`init` {}: the model {}; an encoder alone is needed, as `task` mlm makes it", options.init.string(),
                use_of(config));
  }
  if (vocab_size > config.vocab_size) {
    fail_option(ErrorCode::bad_input, "`init` {}: the model has {} tokens, the tokenizer {}; they do not belong together",
                options.init.string(), config.vocab_size, vocab_size);
  }
  config.dropout = static_cast<float>(options.dropout);
  for (LayerConfig& layer : config.encoder) {
    layer.dropout = config.dropout;
    layer.attention.dropout = static_cast<float>(options.attention_dropout);
    layer.feed_forward.dropout = static_cast<float>(options.activation_dropout);
  }
  return config;
}

void start_from_pretrained(Model& model, const TrainOptions& options) {
  const std::unique_ptr<Model> pretrained = load_model(options.init);
  for (const Parameter& parameter : model.parameters.all()) {
    const Parameter* from = pretrained->parameters.find(parameter.name);
    if (!from || from->value.shape() != parameter.value.shape()) continue;
    parameter.value.copy_from(from->value);
    parameter.value.touch();
  }
}

int32_t pad_token(const Tokenizer& tokenizer) {
  for (const char* name : {"[PAD]", "<pad>"}) {
    if (const int32_t id = tokenizer.token_to_id(name); id >= 0) return id;
  }
  return 0;
}

}  // namespace qkv
