#include "lab/networks/pair_network.h"

#include <cmath>

#include "base/error.h"
#include "base/interrupt.h"

namespace qkv::lab {

PairNetwork::Projection::Projection(const ParameterScope& scope, int in, int out)
    : weight(scope.create("weight", {out, in}, Initializer::xavier_uniform(), true)),
      bias(scope.create("bias", {out}, Initializer::zeros(), false)) {}

PairNetwork::Gated::Gated(const PairNetworkOptions& options, bool causal, const ParameterScope& scope)
    : linear_part({options.hidden_size, options.hidden_size, options.width, {.causal = causal}}, scope / "convolution"),
      gate({options.hidden_size, options.hidden_size, options.width, {.causal = causal}}, scope / "gate") {}

PairNetwork::PairNetwork(const PairNetworkOptions& options, ParameterStore& store) : options_(options) {
  const int h = options.hidden_size;
  QKV_CHECK(h % 2 == 0, "[pair network] the hidden size {} is odd", h);
  const Initializer start = Initializer::normal(1 / std::sqrt(static_cast<float>(h)));
  embed_tokens_ = store.create("embed_tokens.weight", {options.vocab_size, h}, start, true);
  const ParameterScope encoder(store, "encoder"), decoder(store, "decoder");
  if (options.kind == PairNetworkOptions::Kind::recurrent) {
    encoder_.emplace(RecurrentOptions{.input_size = h, .hidden_size = h / 2, .bidirectional = true}, encoder);
    first_.emplace(RecurrentOptions{.input_size = h, .hidden_size = h}, decoder / 0);
    second_.emplace(RecurrentOptions{.input_size = h, .hidden_size = h}, decoder / 1);
    query_.emplace(decoder / "query", h, h);
    key_.emplace(decoder / "key", h, h);
    context_.emplace(decoder / "context", h, h);
    score_ = decoder.create("score.weight", {1, h}, start, true);
    return;
  }
  source_positions_ = encoder.create("embed_positions.weight", {options.max_positions, h}, start, false);
  target_positions_ = decoder.create("embed_positions.weight", {options.max_positions, h}, start, false);
  for (int i = 0; i < options.layers; ++i) {
    encoder_layers_.emplace_back(options, false, encoder / "layers" / i);
    const ParameterScope layer = decoder / "layers" / i;
    decoder_layers_.push_back({Gated(options, true, layer), Projection(layer / "query", h, h), Projection(layer / "out", h, h)});
  }
}

Tensor PairNetwork::Gated::operator()(const Tensor& x, const Segments& segments) const {
  return dropout_add(gated_activation(gate.forward(x, segments), linear_part.forward(x, segments), Activation::sigmoid), x);
}

Tensor PairNetwork::embed(const TokenBatch& tokens, const Tensor& positions, ForwardContext& context) const {
  const float scale = std::sqrt(static_cast<float>(options_.hidden_size));
  return embedding(tokens.ids, embed_tokens_, positions, tokens.segments.positions(), scale, DType::f32, context.dropout(options_.dropout));
}

Tensor PairNetwork::recurrent(const TrainingBatch& batch, ForwardContext& context) const {
  const Segments& sources = batch.source.segments;
  const Segments& targets = batch.target_in.segments;
  const Tensor memory = encoder_->forward(embed(batch.source, {}, context), sources, context);
  const Tensor asking = first_->forward(embed(batch.target_in, {}, context), targets, context);
  const Tensor found = additive_attention((*query_)(asking), (*key_)(memory), memory, score_, targets, sources, {});
  const Tensor both = dropout_add((*context_)(found), asking, context.dropout(options_.dropout));
  return dropout_add(second_->forward(both, targets, context), both, context.dropout(options_.dropout));
}

// Each layer asks with its state and the token that it follows, and gets the source's outputs with their embeddings.
Tensor PairNetwork::convolutional(const TrainingBatch& batch, ForwardContext& context) const {
  const Segments& sources = batch.source.segments;
  const Segments& targets = batch.target_in.segments;
  const Tensor source = embed(batch.source, source_positions_, context), target = embed(batch.target_in, target_positions_, context);
  Tensor memory = source;
  for (const Gated& layer : encoder_layers_) memory = layer(memory, sources);
  const Tensor values = dropout_add(memory, source);
  Tensor x = target;
  for (const AskingLayer& layer : decoder_layers_) {
    const Tensor y = layer.convolution(x, targets);
    const Tensor query = dropout_add(layer.query(y), target);
    const Tensor found = attention(query, memory, values, targets, sources, {}).out;
    x = dropout_add(layer.out(found), y, context.dropout(options_.dropout));
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

double mean_loss(const BatchSource& batches, const std::function<CrossEntropyResult(const TrainingBatch&, ForwardContext&)>& loss) {
  const RecordScope no_gradient(nullptr);
  const std::vector<int32_t> order = batches.order(0);
  double sum = 0;
  size_t tokens = 0;
  for (int64_t i = 0; i < batches.size(); ++i) {
    throw_if_interrupted();
    const TrainingBatch batch = batches.batch(0, order, i);
    ForwardContext context;
    sum += loss(batch, context).nll_sum;
    tokens += batch.target_out.size();
  }
  return sum / static_cast<double>(tokens);
}

}  // namespace qkv::lab
