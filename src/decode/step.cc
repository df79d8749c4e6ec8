#include "decode/step.h"

#include <algorithm>

namespace qkv {
namespace {

enum class Keys : uint8_t { self, cross };

std::vector<int64_t> widths_of(const TransformerConfig& config, Keys keys) {
  std::vector<int64_t> widths;
  for (const LayerConfig& layer : config.decoder) {
    if (keys == Keys::self) {
      widths.push_back(layer.attention.key_value_size());
    } else if (layer.cross_attention) {
      widths.push_back(layer.cross_attention->key_value_size());
    }
  }
  return widths;
}

Device device_of(const Transformer& network) { return network.embed_tokens().device(); }

DType type_of(const Transformer& network, const ForwardContext& context) {
  return device_of(network) == Device::reference ? DType::f64 : context.dtype;
}

}  // namespace

Step::Step(const Transformer& network, ForwardContext& context)
    : network_(network),
      context_(context),
      boundary_(rotation_boundary(network.config())),
      tokens_(widths_of(network.config(), Keys::self), type_of(network, context), device_of(network)),
      sources_(widths_of(network.config(), Keys::cross), type_of(network, context), device_of(network)) {
  QKV_CHECK(network.config().has_decoder(), "[step] the network is an encoder alone");
  size_t cross = 0;
  for (size_t layer = 0; layer < tokens_.layers().size(); ++layer) {
    const bool has_cross = network.config().decoder[layer].cross_attention.has_value();
    layers_.push_back({tokens_.layers()[layer], has_cross ? sources_.layers()[cross++] : KeyValueRows{}});
  }
}

std::vector<KvCache::Table> Step::add_sources(const Tensor& memory, const Segments& segments) {
  QKV_CHECK(!sources_.layers().empty() && memory.rows() == segments.tokens(), "[step] sources of {} tokens for {} layers that read them",
            segments.tokens(), sources_.layers().size());
  const RecordScope no_gradient(nullptr);
  std::vector<KvCache::Table> tables;
  std::vector<int32_t> rows;
  for (int64_t i = 0; i < segments.count(); ++i) sources_.extend(tables.emplace_back(sources_.create()), segments.length(i), rows);
  for (size_t layer = 0; layer < layers_.size(); ++layer) {
    if (!layers_[layer].cross.k) continue;
    const KeyValueRows projected = network_.project(memory, layer);
    store_rows(projected.k, layers_[layer].cross.k, rows);
    store_rows(projected.v, layers_[layer].cross.v, rows);
  }
  return tables;
}

Sequence Step::join(std::vector<int32_t> prompt, const StopRules& stop, const Draw& draw, KvCache::Table source) {
  QKV_CHECK(!prompt.empty(), "[step] a sequence without tokens");
  QKV_CHECK(sources_.layers().empty() == (source.length() == 0), "[step] a source of {} tokens, {} layers read it", source.length(),
            sources_.layers().size());
  return Sequence(std::move(prompt), stop, draw, tokens_.create(), std::make_shared<const KvCache::Table>(std::move(source)));
}

Sequence Step::fork(const Sequence& sequence) {
  Sequence copy(sequence.tokens_, sequence.stop_, sequence.draw_, tokens_.fork(sequence.table_), sequence.source_);
  copy.prompt_ = sequence.prompt_;
  copy.end_ = sequence.end_;
  copy.first_ = sequence.first_;
  return copy;
}

void Step::restart(Sequence& sequence, size_t kept) {
  QKV_CHECK(kept > 0 && kept <= sequence.tokens_.size(), "[step] {} tokens of {} are kept", kept, sequence.tokens_.size());
  sequence.table_ = tokens_.create();
  sequence.first_ = sequence.tokens_.size() - kept;
}

bool Step::crosses_boundary(const Sequence& sequence) const {
  const auto read = static_cast<int64_t>(sequence.read_tokens()), unread = static_cast<int64_t>(sequence.unread_tokens());
  return read > 0 && read <= boundary_ && read + unread > boundary_;
}

Tensor Step::run(std::span<Sequence* const> batch) {
  const RecordScope no_gradient(nullptr);
  DecodingPass pass{.layers = layers_};
  std::vector<int32_t> lengths;
  std::vector<std::vector<int32_t>> self_rows, cross_rows;
  for (Sequence* each : batch) {
    if (crosses_boundary(*each)) restart(*each, each->read_tokens() + each->unread_tokens());
    const auto read = static_cast<int32_t>(each->read_tokens()), unread = static_cast<int32_t>(each->unread_tokens());
    QKV_CHECK(unread > 0, "[step] sequence {} has no token to read", lengths.size());
    pass.tokens.ids.insert(pass.tokens.ids.end(), each->tokens_.end() - unread, each->tokens_.end());
    for (int32_t i = 0; i < unread; ++i) pass.position_of.push_back(read + i);
    tokens_.extend(each->table_, unread, pass.row_of);
    lengths.push_back(unread);
    self_rows.push_back(each->table_.rows());
    cross_rows.push_back(each->source_->rows());
  }
  pass.tokens.segments = Segments::of_lengths(lengths);
  pass.self_keys = Segments::of_rows(self_rows);
  pass.cross_keys = Segments::of_rows(cross_rows);
  return network_.next_logits(pass, context_);
}

}  // namespace qkv
