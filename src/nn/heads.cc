#include "nn/heads.h"

namespace qkv {

MaskedLmHead::MaskedLmHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
    : activation_(config.head_activation),
      bias_(config.head_output_bias ? scope.create("bias", {config.vocab_size}, Initializer::zeros(), false) : Tensor()) {
  if (!config.head_transform) return;
  dense_.emplace(LinearOptions{config.hidden_size, config.embedding_columns(), config.head_bias, start.matrix()}, scope / "dense");
  norm_.emplace(config.head_norm, config.embedding_columns(), scope / "norm");
}

namespace {

bool pools(const TransformerConfig& config) {
  const bool tokens = config.head == Head::token_classification || config.head == Head::question_answering;
  return has_pooler(config.head) || (tokens && config.pooler_of_tokens);
}

}  // namespace

ClassificationHead::ClassificationHead(const TransformerConfig& config, const Initialization& start, const ParameterScope& scope)
    : pooler_(pools(config) ? std::optional<Pooler>(std::in_place, config, start, scope / "pooler") : std::nullopt),
      norm_(pooler_ && config.pooler_norm ? std::optional<Norm>(std::in_place, config.head_norm, config.hidden_size, scope / "norm")
                                          : std::nullopt),
      dropout_(names_labels(config.head) || config.head == Head::multiple_choice ? config.classifier_dropout : 0, scope / "dropout"),
      first_dropout_(config.head == Head::classification && config.dropout_before_pooler ? config.classifier_dropout : 0,
                     scope / "first_dropout"),
      weight_(scope.create("classifier.weight", {config.num_labels, config.hidden_size}, start.embedding(config.hidden_size), true)),
      bias_(scope.create("classifier.bias", {config.num_labels}, Initializer::zeros(), false)) {}

Tensor ClassificationHead::forward(const Tensor& x, ForwardContext& context) const {
  const DropoutParams first = first_dropout_(context), last = dropout_(context);
  const Tensor h = first.probability > 0 ? dropout_add(x, {}, first) : x;
  if (pooler_ && !norm_) return pooler_->forward(h, last);
  const Tensor y = pooler_ ? norm_->forward(pooler_->forward(h)) : h;
  return last.probability > 0 ? dropout_add(y, {}, last) : y;
}

}  // namespace qkv
