#include "nn/heads.h"

namespace qkv {

MaskedLmHead::MaskedLmHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
    : dense_({config.hidden_size, config.hidden_size, config.head_bias, start.matrix()}, scope / "dense"),
      norm_(config.head_norm, config.hidden_size, scope / "norm"),
      activation_(config.head_activation),
      bias_(scope.create("bias", {config.vocab_size}, Initializer::zeros(), false)) {}

ClassificationHead::ClassificationHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
    : pooler_(config, start, scope / "pooler"),
      dropout_(config.classifier_dropout, scope / "dropout"),
      weight_(scope.create("classifier.weight", {config.num_labels, config.hidden_size}, start.embedding(config.hidden_size), true)),
      bias_(scope.create("classifier.bias", {config.num_labels}, Initializer::zeros(), false)) {}

}  // namespace qkv
