#include "train/tasks/pretrained_network.h"

#include <algorithm>

#include "base/files.h"
#include "base/option_error.h"
#include "data/block_hash.h"
#include "models/model_directory.h"

namespace qkv {

namespace {

// Labels of words are learned by the encoder of T5 alone, those of texts by the whole model.
ModelPart part_of(const TrainOptions& options) { return options.task == TrainTask::tag ? ModelPart::encoder : ModelPart::whole; }

// Is there a class for labels of texts beside the encoder-decoder's own?
bool has_class_for_labels(const Architecture& own) {
  return std::ranges::any_of(architectures(), [&](const Architecture& other) {
    return other.model_type == own.model_type && other.class_name.ends_with("ForSequenceClassification");
  });
}

}  // namespace

TransformerConfig pretrained_config(const TrainOptions& options, int32_t vocab_size) {
  const ModelDirectory opened(options.init, part_of(options));
  TransformerConfig config = opened.config();
  const bool decoder = options.task == TrainTask::lm || options.task == TrainTask::chat;
  const Kind wanted = decoder ? Kind::decoder_only : Kind::encoder_only;
  const bool both =
      options.task == TrainTask::classification && config.kind == Kind::encoder_decoder && has_class_for_labels(opened.architecture());
  if (config.kind != wanted && !both) {
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
      if (layer.cross_attention) layer.cross_attention->dropout = layer.attention.dropout;
      if (layer.attention.disentangled) layer.attention.disentangled->dropout = layer.dropout;
      layer.feed_forward.dropout = static_cast<float>(options.activation_dropout);
    }
  }
  return config;
}

void start_from_pretrained(Model& model, const TrainOptions& options) {
  const ModelDirectory opened(options.init, part_of(options));
  const std::unique_ptr<Model> pretrained = opened.make_model(DType::f32, Device::cpu);
  opened.read_weights(*pretrained);
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
