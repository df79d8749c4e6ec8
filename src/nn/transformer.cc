#include "nn/transformer.h"

#include <algorithm>
#include <cmath>
#include <memory>

#include "nn/sequence_parts.h"

namespace qkv {
namespace {

std::shared_ptr<const AttentionPass> share(AttentionPass pass) { return std::make_shared<const AttentionPass>(std::move(pass)); }

DType activation_type(const ForwardContext& context, Device device) { return device == Device::reference ? DType::f64 : context.dtype; }

}  // namespace

Transformer::Transformer(const TransformerConfig& config, ParameterStore& store)
    : config_((validate(config), config)),
      // An encoder without a decoder initializes all matrices alike, as in BERT.
      start_{config.initializer_range, config.has_decoder() ? static_cast<int>(config.encoder.size() + config.decoder.size()) : 0},
      embed_tokens_(store.create("embed_tokens.weight", {config.vocab_size, config.embedding_columns()},
                                 start_.embedding(config.embedding_columns()), true)),
      final_logits_bias_(
          config.final_logits_bias
              ? Tensor::zeros({config.vocab_size}, store.device() == Device::reference ? DType::f64 : DType::f32, store.device())
              : Tensor()) {
  const int hidden = config.hidden_size, columns = config.embedding_columns();
  const Initializer embedding_start = start_.embedding(columns);
  const ParameterScope encoder(store, "encoder"), decoder(store, "decoder"), head(store, "head");
  if (config.has_encoder()) positions_[0].emplace(make_positions(Side::encoder, encoder));
  if (config.has_decoder()) positions_[1].emplace(make_positions(Side::decoder, decoder));
  if (config.token_types > 0) {
    embed_token_types_ = encoder.create("embed_token_types.weight", {config.token_types, columns}, embedding_start, false);
  }
  if (config.embedding_size > 0) {
    const bool sum = config.has_encoder();  // else the embeddings of the tokens alone
    embedding_projection_.emplace(LinearOptions{columns, hidden, sum, start_.matrix()}, (sum ? encoder : decoder) / "embedding_projection");
    if (!sum) decoder_projection_.emplace(LinearOptions{hidden, columns, false, start_.matrix()}, decoder / "output_projection");
  }
  if (config.has_encoder())
    encoder_.emplace(config.encoder, config.layer_groups, config.final_norm, hidden, start_, Side::encoder, encoder);
  if (config.has_decoder())
    decoder_.emplace(config.decoder, config.layer_groups, config.final_norm, hidden, start_, Side::decoder, decoder);
  if (config.has_head()) {
    if (predicts_labels(config.head)) classification_head_.emplace(config, start_, head);
    if (config.head == Head::pooler) pooler_.emplace(config, start_, head / "pooler");
    if (config.head != Head::masked_lm) return;
    masked_lm_head_.emplace(config, start_, head);
  }
  output_weight_ =
      config.tie_word_embeddings ? embed_tokens_ : store.create("output.weight", {config.vocab_size, columns}, embedding_start, true);
  output_bias_ = config.output_bias ? store.create("output.bias", {config.vocab_size}, Initializer::zeros(), false) : final_logits_bias_;
}

Transformer::SidePositions Transformer::make_positions(Side side, const ParameterScope& scope) const {
  const int columns = config_.position_columns();
  const Initializer start = start_.embedding(columns);
  std::optional<Norm> norm;
  if (config_.embedding_norm) norm.emplace(*config_.embedding_norm, columns, scope / "embedding_norm");
  return {EmbeddedPositions(config_.position_table, config_.position_rows(), columns, start, scope),
          AttentionPositions(config_.stack(side), config_.relative_buckets, start, scope, config_.relative_table, config_.hidden_size),
          std::move(norm), Dropout(config_.dropout, scope / "embedding_dropout")};
}

StackPass Transformer::self_pass(Side side, const Segments& queries, const Segments& keys, std::span<const int32_t> position_of,
                                 const ForwardContext& context, std::span<const int32_t> row_of) const {
  const AttentionPositions& told = positions(side).attention;
  StackPass pass;
  pass.group_of = told.group_of();
  for (PassPositions& group : told.pass(position_of, queries, keys, activation_type(context, embed_tokens_.device())))
    pass.self.push_back(share({queries, keys, std::move(group), {row_of.begin(), row_of.end()}}));
  return pass;
}

void Transformer::show_embedding(const TokenBatch& tokens, std::span<const int32_t> row_of, const Tensor& table,
                                 ForwardContext& context) const {
  const DType dtype = activation_type(context, embed_tokens_.device());
  context.show("embedding", "tokens", embedding(tokens.ids, embed_tokens_, {}, {}, config_.embedding_scale, dtype));
  if (table) context.show("embedding", "positions", select_rows(table, row_of));
}

Tensor Transformer::embed(const TokenBatch& tokens, std::span<const int32_t> position_of, Side side, ForwardContext& context) const {
  const DType dtype = activation_type(context, embed_tokens_.device());
  const DropoutParams dropout = positions(side).dropout(context);
  const std::optional<Norm>& norm = positions(side).embedding_norm;
  const bool plain = !embed_token_types_ && !norm && !embedding_projection_;
  std::vector<int32_t> row_of(position_of.begin(), position_of.end());
  for (int32_t& row : row_of) row += config_.position_offset;
  const int64_t count = row_of.empty() ? 0 : int64_t{*std::max_element(row_of.begin(), row_of.end())} + 1;
  const Tensor table = positions(side).embedded.rows(count);
  context.side = side;
  if (context.on_value) show_embedding(tokens, row_of, table, context);
  if (decoder_projection_) return embed_projected(tokens, row_of, table, context);
  Tensor x = embedding(tokens.ids, embed_tokens_, table, row_of, config_.embedding_scale, dtype, plain ? dropout : DropoutParams{});
  context.show("embedding", "sum", x);
  if (plain) return x;
  if (embed_token_types_) {
    QKV_CHECK(tokens.token_types.empty() || tokens.token_types.size() == tokens.ids.size(), "[embed] {} token types for {} ids",
              tokens.token_types.size(), tokens.ids.size());
    const std::vector<int32_t> types = tokens.token_types.empty() ? std::vector<int32_t>(tokens.ids.size(), 0) : tokens.token_types;
    const Tensor rows = embedding(types, embed_token_types_, {}, {}, 1, dtype);
    context.show("embedding", "token_types", rows);
    x = dropout_add(rows, x, {}, Into::x);
    context.show("embedding", "sum", x);
  }
  if (norm) {
    x = norm->forward(x);
    context.show("embedding", "norm", x);
  }
  if (dropout.probability > 0) x = dropout_add(x, {}, dropout);
  if (!embedding_projection_) return x;
  x = embedding_projection_->forward(x);
  context.show("embedding", "projected", x);
  return x;
}

Tensor Transformer::embed_projected(const TokenBatch& tokens, std::span<const int32_t> row_of, const Tensor& table,
                                    ForwardContext& context) const {
  const DType dtype = activation_type(context, embed_tokens_.device());
  Tensor x = embedding_projection_->forward(embedding(tokens.ids, embed_tokens_, {}, {}, config_.embedding_scale, dtype));
  context.show("embedding", "projected", x);
  if (table) x = dropout_add(embedding(row_of, table, {}, {}, 1, dtype), x);
  context.show("embedding", "sum", x);
  const DropoutParams dropout = positions(Side::decoder).dropout(context);
  return dropout.probability > 0 ? dropout_add(x, {}, dropout) : x;
}

Tensor Transformer::encode(const TokenBatch& source, ForwardContext& context) const {
  if (!encoder_) return {};
  return by_sequences(source, embed_tokens_.device(), context, [this](const TokenBatch& part, ForwardContext& own) {
    const std::vector<int32_t> position_of = part.segments.positions();
    const StackPass pass = self_pass(Side::encoder, part.segments, part.segments, position_of, own);
    return encoder_->forward(embed(part, position_of, Side::encoder, own), pass, {}, own);
  });
}

Tensor Transformer::decode(const TokenBatch& target_in, const Tensor& memory, const Segments& memory_segments,
                           ForwardContext& context) const {
  QKV_CHECK(decoder_, "[decode] the network is an encoder alone");
  const auto run = [&](const TokenBatch& tokens, ForwardContext& own) {
    const std::vector<int32_t> position_of = tokens.segments.positions();
    StackPass pass = self_pass(Side::decoder, tokens.segments, tokens.segments, position_of, own);
    pass.cross = share({tokens.segments, memory_segments, {}});
    pass.memory = memory;
    return decoded_rows(decoder_->forward(embed(tokens, position_of, Side::decoder, own), pass, {}, own));
  };
  return memory ? run(target_in, context) : by_sequences(target_in, embed_tokens_.device(), context, run);
}

namespace {

// Each sequence of `text` moved by one place, with its first token chosen by `config`.
TokenBatch moved_right(const TokenBatch& text, const TransformerConfig& config) {
  TokenBatch moved{.ids = text.ids, .segments = text.segments};
  for (int64_t i = 0; i < text.segments.count(); ++i) {
    if (text.segments.length(i) == 0) continue;
    const auto begin = moved.ids.begin() + text.segments.begin(i), end = begin + text.segments.length(i);
    std::rotate(begin, end - 1, end);
    if (!config.starts_with_last_token) *begin = config.decoder_start_token_id;
  }
  return moved;
}

}  // namespace

Tensor Transformer::rows_for_head(const TokenBatch& text, ForwardContext& context) const {
  const Tensor encoded = encode(text, context);
  return decoder_ ? decode(moved_right(text, config_), encoded, text.segments, context) : encoded;
}

Tensor Transformer::output_rows(const Tensor& hidden) const {
  return config_.output_scale != 1 ? scaled(hidden, config_.output_scale) : hidden;
}

Tensor Transformer::logits(const Tensor& hidden) const {
  const Tensor y = linear_f32(output_rows(hidden), output_weight_, output_bias_);
  const float cap = config_.logit_soft_cap;
  return cap > 0 ? scaled(activate(scaled(y, 1 / cap), Activation::tanh), cap) : y;
}

CrossEntropyResult Transformer::loss(const TokenBatch& source, const TokenBatch& target_in, std::span<const int32_t> target_out,
                                     float label_smoothing, float scale, ForwardContext& context, std::span<const int32_t> rows) const {
  const Tensor memory = encode(source, context);
  const Tensor all = decode(target_in, memory, source.segments, context), hidden = rows.empty() ? all : select_rows(all, rows);
  return linear_cross_entropy(output_rows(hidden), output_weight_, output_bias_, target_out, label_smoothing, scale,
                              config_.logit_soft_cap);
}

namespace {

// The number of the sequence that each row belongs to.
std::vector<int32_t> sequences_of(const Segments& segments, std::span<const int32_t> rows) {
  std::vector<int32_t> of_row(static_cast<size_t>(segments.tokens())), sequences;
  for (int64_t i = 0; i < segments.count(); ++i)
    std::fill_n(of_row.begin() + segments.begin(i), segments.length(i), static_cast<int32_t>(i));
  for (const int32_t row : rows) sequences.push_back(of_row.at(static_cast<size_t>(row)));
  return sequences;
}

}  // namespace

// The input rows of the output layer.
Tensor Transformer::head_rows(const Tensor& hidden, const Segments& segments, std::span<const int32_t> rows,
                              ForwardContext& context) const {
  QKV_CHECK(masked_lm_head_ || classification_head_, "[head] the network predicts neither hidden tokens nor labels");
  const bool of_texts = config_.head == Head::classification || config_.head == Head::multiple_choice;
  if (of_texts && config_.head_pooling != HeadPooling::first) {
    const std::vector<int32_t> sequences = sequences_of(segments, rows);
    if (config_.head_pooling == HeadPooling::mean)
      return classification_head_->forward(select_rows(mean_of_sequences(hidden, segments), sequences), context);
    return select_rows(mean_of_sequences(classification_head_->forward(hidden, context), segments), sequences);
  }
  const Tensor x = select_rows(hidden, rows);
  return masked_lm_head_ ? masked_lm_head_->forward(x) : classification_head_->forward(x, context);
}

Tensor Transformer::pooled(const Tensor& hidden, const Segments& segments) const {
  QKV_CHECK(pooler_, "[pooled] the network has no pooler");
  std::vector<int32_t> first;
  for (int64_t i = 0; i < segments.count(); ++i) first.push_back(segments.begin(i));
  return pooler_->forward(select_rows(hidden, first));
}

Tensor Transformer::logits_of_rows(const Tensor& hidden, const Segments& segments, std::span<const int32_t> rows,
                                   ForwardContext& context) const {
  const Tensor x = head_rows(hidden, segments, rows, context);
  if (masked_lm_head_) return linear_f32(x, output_weight_, masked_lm_head_->bias());
  return linear_f32(x, classification_head_->weight(), classification_head_->bias());
}

CrossEntropyResult Transformer::loss_of_rows(const TokenBatch& tokens, std::span<const int32_t> rows, std::span<const int32_t> targets,
                                             float label_smoothing, float scale, ForwardContext& context) const {
  QKV_CHECK(config_.head != Head::classification || config_.label_kind == LabelKind::one,
            "[loss] labels of which several hold, and numbers, have another loss");
  const Tensor x = head_rows(rows_for_head(tokens, context), tokens.segments, rows, context);
  if (masked_lm_head_) return linear_cross_entropy(x, output_weight_, masked_lm_head_->bias(), targets, label_smoothing, scale);
  return linear_cross_entropy(x, classification_head_->weight(), classification_head_->bias(), targets, label_smoothing, scale);
}

KeyValueRows Transformer::project(const Tensor& memory, size_t layer) const {
  QKV_CHECK(decoder_ && layer < decoder_->blocks().size() && decoder_->blocks()[layer].cross_attention(),
            "[project] the network has no cross-attention in layer {}", layer);
  return decoder_->blocks()[layer].cross_attention()->project(memory);
}

namespace {

Tensor last_rows(const Tensor& x, const Segments& segments) {
  if (segments.count() == x.rows()) return x;
  const Tensor last = Tensor::empty({segments.count(), x.cols()}, x.dtype(), x.device());
  for (int64_t i = 0; i < segments.count(); ++i) copy_rows(x.row_range(segments.begin(i) + segments.length(i) - 1, 1), last, i);
  return last;
}

}  // namespace

Tensor Transformer::next_logits(const DecodingPass& of, ForwardContext& context) const {
  const Segments& queries = of.tokens.segments;
  const auto tokens = std::ssize(of.tokens.ids);
  QKV_CHECK(decoder_, "[next_logits] the network is an encoder alone");
  QKV_CHECK(queries.tokens() == tokens && std::ssize(of.position_of) == tokens && std::ssize(of.row_of) == tokens,
            "[next_logits] {} tokens in sequences of {}, {} positions, {} rows", tokens, queries.tokens(), of.position_of.size(),
            of.row_of.size());
  QKV_CHECK(of.layers.size() == decoder_->blocks().size(), "[next_logits] rows of {} layers, the decoder has {}", of.layers.size(),
            decoder_->blocks().size());
  for (int64_t i = 0; i < queries.count(); ++i) QKV_CHECK(queries.length(i) > 0, "[next_logits] sequence {} gets no token", i);
  StackPass pass = self_pass(Side::decoder, queries, of.self_keys, of.position_of, context, of.row_of);
  if (encoder_) pass.cross = share({queries, of.cross_keys, {}, {}});
  const Tensor hidden = decoder_->forward(embed(of.tokens, of.position_of, Side::decoder, context), pass, of.layers, context);
  return logits(decoded_rows(last_rows(hidden, queries)));
}

}  // namespace qkv
