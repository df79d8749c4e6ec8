#include "nn/heads.h"

namespace qkv {

MaskedLmHead::MaskedLmHead(const TransformerConfig& config, const ParameterScope& scope)
    : dense_(config, scope / "dense", config.hidden_size, config.hidden_size),
      norm_(config, scope / "norm"),
      activation_(config.activation),
      bias_(scope.create("bias", {config.vocab_size}, Initializer::zeros(), false)) {}

ClassificationHead::ClassificationHead(const TransformerConfig& config, const ParameterScope& scope)
    : pooler_(config, scope / "pooler", config.hidden_size, config.hidden_size),
      dropout_(config.classifier_dropout),
      weight_(scope.create("classifier.weight", {config.num_labels, config.hidden_size}, embedding_start(config), true)),
      bias_(scope.create("classifier.bias", {config.num_labels}, Initializer::zeros(), false)) {}

}  // namespace qkv
