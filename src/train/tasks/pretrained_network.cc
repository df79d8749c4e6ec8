#include "train/tasks/pretrained_network.h"

#include "base/files.h"
#include "base/option_error.h"
#include "data/block_hash.h"
#include "models/model_directory.h"

namespace qkv {

TransformerConfig pretrained_config(const TrainOptions& options, int32_t vocab_size) {
  TransformerConfig config = ModelDirectory(options.init).config();
  const bool decoder = options.task == TrainTask::lm || options.task == TrainTask::chat;
  const Kind wanted = decoder ? Kind::decoder_only : Kind::encoder_only;
  if (config.kind != wanted) {
    fail_option(ErrorCode::bad_input, "`init` {}: the model {}; {} is needed, as `task` {} makes it", options.init.string(), use_of(config),
                wanted == Kind::decoder_only ? "a language model" : "an encoder alone", wanted == Kind::decoder_only ? "lm" : "mlm");
  }
  if (vocab_size > config.vocab_size) {
    fail_option(ErrorCode::bad_input, "`init` {}: the model has {} tokens, the tokenizer {}; they do not belong together",
                options.init.string(), config.vocab_size, vocab_size);
  }
  config.dropout = static_cast<float>(options.dropout);
  for (auto* layers : {&config.encoder, &config.decoder}) {
    for (LayerConfig& layer : *layers) {
      layer.dropout = config.dropout;
      layer.attention.dropout = static_cast<float>(options.attention_dropout);
      if (layer.attention.disentangled) layer.attention.disentangled->dropout = layer.dropout;
      layer.feed_forward.dropout = static_cast<float>(options.activation_dropout);
    }
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

uint64_t hash_of_pretrained(const TrainOptions& options) {
  uint64_t hash = 0;
  const ModelDirectory opened(options.init);
  for (const std::filesystem::path& file : opened.weights().files()) {
    const MappedFile weights(file);
    hash = (hash * 0x100000001B3u) ^ hash_file(weights, weights.size());
  }
  return hash;
}

}  // namespace qkv
