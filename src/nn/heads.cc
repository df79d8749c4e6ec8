#include "nn/heads.h"

namespace qkv {

MaskedLmHead::MaskedLmHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
    : dense_({config.hidden_size, config.embedding_columns(), config.head_bias, start.matrix()}, scope / "dense"),
      norm_(config.head_norm, config.embedding_columns(), scope / "norm"),
      activation_(config.head_activation),
      bias_(scope.create("bias", {config.vocab_size}, Initializer::zeros(), false)) {}

ClassificationHead::ClassificationHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
    : pooler_(has_pooler(config.head) ? std::optional<Pooler>(std::in_place, config, start, scope / "pooler") : std::nullopt),
      dropout_(names_labels(config.head) ? config.classifier_dropout : 0, scope / "dropout"),
      first_dropout_(config.head == Head::classification && config.dropout_before_pooler ? config.classifier_dropout : 0,
                     scope / "first_dropout"),
      weight_(scope.create("classifier.weight", {config.num_labels, config.hidden_size}, start.embedding(config.hidden_size), true)),
      bias_(scope.create("classifier.bias", {config.num_labels}, Initializer::zeros(), false)) {}

Tensor ClassificationHead::forward(const Tensor& x, ForwardContext& context) const {
  const DropoutParams first = first_dropout_(context), last = dropout_(context);
  const Tensor h = first.probability > 0 ? dropout_add(x, {}, first) : x;
  if (pooler_) return pooler_->forward(h, last);
  return last.probability > 0 ? dropout_add(h, {}, last) : h;
}

}  // namespace qkv
