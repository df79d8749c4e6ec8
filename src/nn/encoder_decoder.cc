#include "nn/encoder_decoder.h"

#include <cmath>
#include <numeric>

namespace qkv {

EncoderDecoder::EncoderDecoder(const TransformerConfig& config, ParameterStore& store)
    : config_((validate(config), config)),
      embed_tokens_(store.create("embed_tokens.weight", {config.vocab_size, config.hidden_size},
                                 Initializer::normal(1 / std::sqrt(static_cast<float>(config.hidden_size))), true)),
      positions_(sinusoidal_positions(config.max_position_embeddings, config.hidden_size, store.device())),
      final_logits_bias_(
          config.final_logits_bias
              ? Tensor::zeros({config.vocab_size}, store.device() == Device::reference ? DType::f64 : DType::f32, store.device())
              : Tensor()),
      encoder_(config, false, ParameterScope(store, "encoder")),
      decoder_(config, true, ParameterScope(store, "decoder")) {}

Tensor EncoderDecoder::embed(std::span<const int32_t> ids, std::span<const int32_t> positions, ForwardContext& context) const {
  const float scale = config_.scale_embedding ? std::sqrt(static_cast<float>(config_.hidden_size)) : 1.0f;
  const DType dtype = embed_tokens_.device() == Device::reference ? DType::f64 : context.dtype;
  return embedding(ids, embed_tokens_, positions_, positions, scale, dtype, context.dropout(config_.dropout));
}

Tensor EncoderDecoder::encode(const TokenBatch& source, ForwardContext& context) const {
  return encoder_.forward(embed(source.ids, source.segments.positions(), context), source.segments, {}, {}, context);
}

Tensor EncoderDecoder::decode(const TokenBatch& target_in, const Tensor& memory, const Segments& memory_segments,
                              ForwardContext& context) const {
  return decoder_.forward(embed(target_in.ids, target_in.segments.positions(), context), target_in.segments, memory, memory_segments,
                          context);
}

Tensor EncoderDecoder::logits(const Tensor& hidden) const { return linear_f32(hidden, embed_tokens_, final_logits_bias_); }

CrossEntropyResult EncoderDecoder::loss(const TokenBatch& source, const TokenBatch& target_in, std::span<const int32_t> target_out,
                                        float label_smoothing, float scale, ForwardContext& context) const {
  const Tensor memory = encode(source, context);
  const Tensor hidden = decode(target_in, memory, source.segments, context);
  return linear_cross_entropy(hidden, embed_tokens_, final_logits_bias_, target_out, label_smoothing, scale);
}

DecoderState EncoderDecoder::start(const Tensor& memory, const Segments& memory_segments, ForwardContext&) const {
  DecoderState state;
  state.memory_segments = memory_segments;
  for (const Block& block : decoder_.blocks()) {
    DecoderState::LayerCache cache;
    cache.cross_k = block.cross_attention().keys(memory);
    cache.cross_v = block.cross_attention().values(memory);
    state.layers.push_back(std::move(cache));
  }
  return state;
}

namespace {

// Room for `wanted` more rows in the caches, at least doubling them.
void reserve_rows(DecoderState& state, int64_t wanted) {
  if (state.rows + wanted <= state.capacity) return;
  const int64_t capacity = std::max(2 * state.capacity, state.rows + wanted * 8);
  for (DecoderState::LayerCache& cache : state.layers) {
    for (Tensor* old : {&cache.self_k, &cache.self_v}) {
      Tensor grown = Tensor::empty({capacity, cache.cross_k.cols()}, cache.cross_k.dtype(), cache.cross_k.device());
      if (*old) copy_rows(old->row_range(0, state.rows), grown, 0);
      *old = grown;
    }
  }
  state.capacity = capacity;
}

// Hypothesis i continues parents[i] with the cache row first_row + i.
void extend_history(DecoderState& state, std::span<const int32_t> parents, int64_t count, int64_t first_row) {
  std::vector<std::vector<int32_t>> history(static_cast<size_t>(count));
  for (int64_t i = 0; i < count; ++i) {
    if (!state.history.empty()) history[i] = state.history.at(static_cast<size_t>(parents[i]));
    history[i].push_back(static_cast<int32_t>(first_row + i));
  }
  state.history = std::move(history);
}

}  // namespace

Tensor EncoderDecoder::step(DecoderState& state, std::span<const int32_t> tokens, std::span<const int32_t> parents,
                            std::span<const int32_t> sources, ForwardContext& context) const {
  const int64_t count = static_cast<int64_t>(tokens.size());
  QKV_CHECK(sources.size() == tokens.size() && (state.history.empty() || parents.size() == tokens.size()),
            "[step] {} tokens, {} parents, {} sources", tokens.size(), parents.size(), sources.size());
  const int64_t first_row = state.rows;
  reserve_rows(state, count);
  extend_history(state, parents, count, first_row);
  state.rows += count;

  std::vector<int32_t> positions, lengths, begins, index, ones(static_cast<size_t>(count), 1), rows(static_cast<size_t>(count));
  std::iota(rows.begin(), rows.end(), 0);
  for (const std::vector<int32_t>& history : state.history) {
    positions.push_back(static_cast<int32_t>(history.size()) - 1);
    lengths.push_back(static_cast<int32_t>(history.size()));
    begins.push_back(static_cast<int32_t>(index.size()));
    index.insert(index.end(), history.begin(), history.end());
  }
  const SegmentView queries{rows.data(), ones.data(), count, nullptr};
  const SegmentView self{begins.data(), lengths.data(), count, index.data()};
  const Segments cross = state.memory_segments.select(sources);

  Tensor x = embed(tokens, positions, context);
  for (size_t layer = 0; layer < state.layers.size(); ++layer) {
    x = decoder_.blocks()[layer].step(x, state.layers[layer], first_row, queries, self, cross.view(), context);
  }
  return logits(decoder_.final_norm(x));
}

}  // namespace qkv
