#include "lab/networks/sequence_to_sequence.h"

#include <algorithm>
#include <numeric>

#include "base/cancellation.h"
#include "ops/ops.h"

namespace qkv::lab {
namespace {

NetworkOptions network_options(const SequenceToSequenceOptions& options) {
  NetworkOptions network = options.network;
  network.position = Position::sinusoidal;
  network.causal = options.family == Family::encoder_decoder ? options.causal_encoder : options.family != Family::encoder;
  return network;
}

// A decoder layer: causal, with attention to the source.
LayerConfig decoder_layer(NetworkOptions network) {
  network.causal = true;
  LayerConfig layer = layer_of(network);
  layer.cross_attention = layer.attention;
  layer.cross_attention->causal = false;
  return layer;
}

// Source and target of each pair as one sequence, and the places of their rows.
struct Joined {
  TokenBatch batch;
  std::vector<int32_t> source_rows, target_rows;
};
Joined join(const TokenBatch& source, const TokenBatch& target) {
  Joined joined;
  std::vector<int32_t>& ids = joined.batch.ids;
  std::vector<int32_t> lengths;
  for (int64_t i = 0; i < source.segments.count(); ++i) {
    lengths.push_back(source.segments.length(i) + target.segments.length(i));
    for (const TokenBatch* side : {&source, &target}) {
      std::vector<int32_t>& rows = side == &source ? joined.source_rows : joined.target_rows;
      for (int32_t k = 0; k < side->segments.length(i); ++k) {
        rows.push_back(static_cast<int32_t>(ids.size()));
        ids.push_back(side->ids[side->segments.begin(i) + k]);
      }
    }
  }
  joined.batch.segments = Segments::of_lengths(lengths);
  return joined;
}

TokenBatch packed(std::span<const std::vector<int32_t>> sequences) {
  TokenBatch batch;
  std::vector<int32_t> lengths;
  for (const auto& sequence : sequences) {
    batch.ids.insert(batch.ids.end(), sequence.begin(), sequence.end());
    lengths.push_back(static_cast<int32_t>(sequence.size()));
  }
  batch.segments = Segments::of_lengths(lengths);
  return batch;
}

Segments one_row_each(int64_t count) { return Segments::of_lengths(std::vector<int32_t>(static_cast<size_t>(count), 1)); }

// The mean of each sequence's rows, which is attention with equal weights. [sequences, size]
Tensor mean_rows(const Tensor& x, const Segments& segments) {
  const Tensor q = Tensor::zeros({segments.count(), x.cols()}, x.dtype()), k = Tensor::zeros(x.shape(), x.dtype());
  return attention(q, k, x, one_row_each(segments.count()), segments, {}).out;
}

int32_t likeliest(const Tensor& logits, int64_t row) {
  const float* first = logits.host<float>() + row * logits.cols();
  return static_cast<int32_t>(std::max_element(first, first + logits.cols()) - first);
}

}  // namespace

SequenceToSequence::SequenceToSequence(SequenceToSequenceOptions options, ParameterStore& store)
    : options_(std::move(options)), network_(network_options(options_), store) {
  if (options_.family != Family::encoder_decoder) return;
  const NetworkOptions& network = options_.network;
  const LayerConfig layer = decoder_layer(network);
  const std::vector<LayerConfig> layers(static_cast<size_t>(network.layers), layer);
  decoder_.emplace(layers, 0, network.norm_place == NormPlace::pre ? std::optional(layer.norm) : std::nullopt, network.hidden_size,
                   Initialization{network.initializer_range, 2 * network.layers}, Side::decoder, ParameterScope(store, "decoder"));
}

Tensor SequenceToSequence::forward(const TokenBatch& source, const TokenBatch& target_in, ForwardContext& context) const {
  if (decoder_) return decode(network_.forward(source, context), source, target_in, context);
  TokenBatch seen = target_in;
  if (options_.family == Family::encoder) std::fill(seen.ids.begin(), seen.ids.end(), options_.start);
  const Joined joined = join(source, seen);
  const bool prefix = options_.family == Family::prefix_decoder;
  const Tensor rows = network_.forward_rows(network_.embed(joined.batch, context), joined.batch.segments, context, nullptr,
                                            prefix ? Prefix{joined.source_rows, source.segments} : Prefix{});
  return select_rows(rows, joined.target_rows);
}

Tensor SequenceToSequence::decode(const Tensor& encoded, const TokenBatch& source, const TokenBatch& target_in,
                                  ForwardContext& context) const {
  Tensor memory = encoded;
  Segments memory_segments = source.segments;
  if (options_.memory != Memory::tokens) {
    memory_segments = one_row_each(source.segments.count());
    memory = options_.memory == Memory::mean ? mean_rows(encoded, source.segments)
                                             : Tensor::zeros({source.segments.count(), encoded.cols()}, encoded.dtype());
  }
  StackPass pass;
  pass.self.push_back(std::make_shared<AttentionPass>(AttentionPass{target_in.segments, target_in.segments, {}}));
  pass.cross = std::make_shared<AttentionPass>(AttentionPass{target_in.segments, memory_segments, {}});
  pass.memory = memory;
  return decoder_->forward(network_.embed(target_in, context), pass, {}, context);
}

CrossEntropyResult SequenceToSequence::loss(const TrainingBatch& batch, ForwardContext& context) const {
  return network_.loss_of_rows(forward(batch.source, batch.target_in, context), batch.target_out);
}

std::vector<std::vector<int32_t>> SequenceToSequence::translate(std::span<const std::vector<int32_t>> sources,
                                                                std::span<const int32_t> limits, DType dtype,
                                                                const CancellationToken* cancellation) const {
  const RecordScope no_gradient(nullptr);
  const bool at_once = options_.family == Family::encoder;
  std::vector<std::vector<int32_t>> results(sources.size());
  std::vector<size_t> open(sources.size());
  std::iota(open.begin(), open.end(), 0);
  while (!open.empty()) {
    throw_if_cancelled(cancellation);
    std::vector<std::vector<int32_t>> from, so_far;
    for (const size_t i : open) {
      from.push_back(sources[i]);
      so_far.emplace_back(at_once ? limits[i] : 1, options_.start);
      so_far.back().insert(so_far.back().end(), results[i].begin(), results[i].end());
    }
    const TokenBatch target = packed(so_far);
    ForwardContext context{.dtype = dtype};
    const Tensor logits = network_.logits(forward(packed(from), target, context));
    std::vector<size_t> still_open;
    for (size_t k = 0; k < open.size(); ++k) {
      std::vector<int32_t>& result = results[open[k]];
      const int32_t end = target.segments.begin(k) + target.segments.length(k);
      for (int32_t row = at_once ? target.segments.begin(k) : end - 1; row < end; ++row) result.push_back(likeliest(logits, row));
      if (result.back() != options_.end && std::ssize(result) < limits[open[k]]) still_open.push_back(open[k]);
    }
    open = std::move(still_open);
  }
  return results;
}

double SequenceToSequence::training_flops(const ParameterStore& store, double source_tokens, double target_tokens) const {
  double flops = 0;
  for (const Parameter& parameter : store.all()) {
    if (!parameter.decay) continue;
    double rows = source_tokens + target_tokens;
    if (decoder_) rows = parameter.name.starts_with("decoder.") ? target_tokens : source_tokens;
    const bool of_memory =
        parameter.name.ends_with("cross_attention.k_proj.weight") || parameter.name.ends_with("cross_attention.v_proj.weight");
    if (of_memory) rows = options_.memory == Memory::tokens ? source_tokens : 1;
    if (parameter.name == "embed_tokens.weight") rows = target_tokens;  // also the output layer
    flops += 6 * rows * static_cast<double>(parameter.value.numel());
  }
  return flops;
}

}  // namespace qkv::lab
