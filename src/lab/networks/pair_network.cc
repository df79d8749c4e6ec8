#include "lab/networks/pair_network.h"

#include <algorithm>
#include <cmath>

#include "base/cancellation.h"
#include "base/error.h"

namespace qkv::lab {

PairNetwork::Gated::Gated(const PairNetworkOptions& options, bool causal, const ParameterScope& scope)
    : linear_part({options.hidden_size, options.hidden_size, options.width, {.causal = causal}}, scope / "convolution"),
      gate({options.hidden_size, options.hidden_size, options.width, {.causal = causal}}, scope / "gate") {}

PairNetwork::PairNetwork(const PairNetworkOptions& options, ParameterStore& store)
    : options_(options),
      source_dropout_(options.dropout, ParameterScope(store, "encoder.dropout")),
      target_dropout_(options.dropout, ParameterScope(store, "decoder.dropout")) {
  for (int i = 0; i < std::max(2, options.layers); ++i) {
    layer_dropouts_.emplace_back(options.dropout, ParameterScope(store, "decoder.layers") / i / "dropout");
  }
  const int h = options.hidden_size;
  QKV_CHECK(h % 2 == 0, "[pair network] the hidden size {} is odd", h);
  const Initializer start = Initializer::normal(1 / std::sqrt(static_cast<float>(h)));
  embed_tokens_ = store.create("embed_tokens.weight", {options.vocab_size, h}, start, true);
  const ParameterScope encoder(store, "encoder"), decoder(store, "decoder");
  if (options.kind == PairNetworkOptions::Kind::recurrent) {
    encoder_.emplace(RecurrentOptions{.input_size = h, .hidden_size = h / 2, .bidirectional = true}, encoder);
    first_.emplace(RecurrentOptions{.input_size = h, .hidden_size = h}, decoder / 0);
    second_.emplace(RecurrentOptions{.input_size = h, .hidden_size = h}, decoder / 1);
    query_.emplace(LinearOptions{h, h}, decoder / "query");
    key_.emplace(LinearOptions{h, h}, decoder / "key");
    context_.emplace(LinearOptions{h, h}, decoder / "context");
    score_ = decoder.create("score.weight", {1, h}, start, true);
    return;
  }
  source_positions_ = encoder.create("embed_positions.weight", {options.max_positions, h}, start, false);
  target_positions_ = decoder.create("embed_positions.weight", {options.max_positions, h}, start, false);
  for (int i = 0; i < options.layers; ++i) {
    encoder_layers_.emplace_back(options, false, encoder / "layers" / i);
    const ParameterScope layer = decoder / "layers" / i;
    decoder_layers_.push_back({Gated(options, true, layer), Linear({h, h}, layer / "query"), Linear({h, h}, layer / "out")});
  }
}

Tensor PairNetwork::Gated::operator()(const Tensor& x, const Segments& segments) const {
  return dropout_add(gated_activation(gate.forward(x, segments), linear_part.forward(x, segments), Activation::sigmoid), x);
}

Tensor PairNetwork::embed(const TokenBatch& tokens, const Tensor& positions, const Dropout& dropout, ForwardContext& context) const {
  const float scale = std::sqrt(static_cast<float>(options_.hidden_size));
  return embedding(tokens.ids, embed_tokens_, positions, tokens.segments.positions(), scale, DType::f32, dropout(context));
}

Tensor PairNetwork::recurrent(const TrainingBatch& batch, ForwardContext& context) const {
  const Segments& sources = batch.source.segments;
  const Segments& targets = batch.target_in.segments;
  const Tensor memory = encoder_->forward(embed(batch.source, {}, source_dropout_, context), sources, context);
  const Tensor asking = first_->forward(embed(batch.target_in, {}, target_dropout_, context), targets, context);
  const Tensor found = additive_attention(query_->forward(asking), key_->forward(memory), memory, score_, targets, sources, {});
  const Tensor both = dropout_add(context_->forward(found), asking, layer_dropouts_[0](context));
  return dropout_add(second_->forward(both, targets, context), both, layer_dropouts_[1](context));
}

// Each layer queries with its state and the previous token, and receives the source's outputs with their embeddings.
Tensor PairNetwork::convolutional(const TrainingBatch& batch, ForwardContext& context) const {
  const Segments& sources = batch.source.segments;
  const Segments& targets = batch.target_in.segments;
  const Tensor source = embed(batch.source, source_positions_, source_dropout_, context),
               target = embed(batch.target_in, target_positions_, target_dropout_, context);
  Tensor memory = source;
  for (const Gated& layer : encoder_layers_) memory = layer(memory, sources);
  const Tensor values = dropout_add(memory, source);
  Tensor x = target;
  for (size_t i = 0; i < decoder_layers_.size(); ++i) {
    const AskingLayer& layer = decoder_layers_[i];
    const Tensor y = layer.convolution(x, targets);
    const Tensor query = dropout_add(layer.query.forward(y), target);
    const Tensor found = attention(query, memory, values, targets, sources, {}).out;
    x = dropout_add(layer.out.forward(found), y, layer_dropouts_[i](context));
  }
  return x;
}

Tensor PairNetwork::forward(const TrainingBatch& batch, ForwardContext& context) const {
  return options_.kind == PairNetworkOptions::Kind::recurrent ? recurrent(batch, context) : convolutional(batch, context);
}

CrossEntropyResult PairNetwork::loss(const TrainingBatch& batch, ForwardContext& context) const {
  return linear_cross_entropy(forward(batch, context), embed_tokens_, {}, batch.target_out, 0,
                              1.0f / static_cast<float>(batch.target_out.size()));
}

double mean_loss(const CancellationToken* cancellation, const BatchSource& batches,
                 const std::function<CrossEntropyResult(const TrainingBatch&, ForwardContext&)>& loss) {
  const RecordScope no_gradient(nullptr);
  const std::vector<int32_t> order = batches.order(0);
  double sum = 0;
  size_t tokens = 0;
  for (int64_t i = 0; i < batches.size(); ++i) {
    throw_if_cancelled(cancellation);
    const TrainingBatch batch = batches.batch(0, order, i);
    ForwardContext context;
    sum += loss(batch, context).nll_sum;
    tokens += batch.target_out.size();
  }
  return sum / static_cast<double>(tokens);
}

}  // namespace qkv::lab
