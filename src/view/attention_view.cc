#include "view/attention_view.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "base/option_error.h"
#include "base/utf8.h"
#include "view/token_labels.h"

namespace qkv {
namespace {

std::vector<int32_t> encode_text(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view text,
                                 const std::string& where) {
  EncodedSource encoded = encode_source(tokenizer, config, text, true, where);
  if (encoded.cut)
    fail_option(ErrorCode::bad_input, "{} has more than the {} tokens that the model takes; shorten it", where,
                config.max_position_embeddings);
  return std::move(encoded.ids);
}

std::vector<int32_t> best_translation(const Transformer& network, const std::vector<int32_t>& source, const TranslateOptions& options) {
  const int32_t length = static_cast<int32_t>(source.size());
  ForwardContext context;
  context.dtype = options.dtype;
  SearchOptions one_best = options.search;
  one_best.num_return_sequences = 1;
  one_best.max_length = std::min(one_best.max_length, network.config().max_position_embeddings + 1);
  return search(network, {source, Segments::of_lengths(std::span(&length, 1))}, one_best, context).front().front().ids;
}

nlohmann::json rows_of(const AttentionMatrix& matrix) {
  nlohmann::json rows = nlohmann::json::array();
  for (int64_t i = 0; i < matrix.rows; ++i) {
    nlohmann::json row = nlohmann::json::array();
    for (int64_t j = 0; j < matrix.cols; ++j) {
      row.push_back(std::isfinite(matrix.at(i, j)) ? nlohmann::json(matrix.at(i, j)) : nlohmann::json());
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

const char* name_of(AttentionKind kind) {
  switch (kind) {
    case AttentionKind::encoder: return "encoder";
    case AttentionKind::decoder: return "decoder";
    default: return "cross";
  }
}

AttentionView view_attention(const Transformer& network, const Tokenizer& tokenizer, std::string_view source,
                             const std::optional<std::string>& target, AttentionKind kind, int layer, int head,
                             const TranslateOptions& options) {
  const TransformerConfig& config = network.config();
  if (config.kind != Kind::encoder_decoder)
    fail(ErrorCode::unsupported, "attention is shown of models that translate; this one {}", use_of(config));
  const std::vector<int32_t> source_ids = encode_text(tokenizer, config, source, mark_fields("`source`"));
  std::vector<int32_t> written =
      target ? encode_text(tokenizer, config, *target, mark_fields("`target`")) : best_translation(network, source_ids, options);
  if (written.empty()) written.push_back(config.eos_token_ids.empty() ? config.decoder_start_token_id : config.eos_token_ids.front());
  std::vector<int32_t> read{config.decoder_start_token_id};
  read.insert(read.end(), written.begin(), written.end() - 1);

  AttentionView view;
  view.trace = trace_head(network, source_ids, read, kind, layer, head, options.dtype);
  view.source = replace_invalid_utf8(source);
  view.target = target ? replace_invalid_utf8(*target) : text_of(tokenizer, config, written);
  view.keys = token_labels(tokenizer, source_ids);
  if (kind == AttentionKind::decoder) {
    view.keys = token_labels(tokenizer, std::span(read).subspan(1));
    view.keys.insert(view.keys.begin(), "<start>");
  }
  view.queries = kind == AttentionKind::cross ? token_labels(tokenizer, written) : view.keys;
  return view;
}

std::string attention_json(const AttentionView& view, bool trace) {
  nlohmann::ordered_json json{{"kind", name_of(view.trace.kind)},
                              {"layer", view.trace.layer},
                              {"head", view.trace.head},
                              {"source", view.source},
                              {"target", view.target},
                              {"queries", view.queries},
                              {"keys", view.keys},
                              {"weights", rows_of(view.trace.weights)}};
  if (trace) {
    json["scale"] = view.trace.scale;
    json["q"] = rows_of(view.trace.q);
    json["k"] = rows_of(view.trace.k);
    json["v"] = rows_of(view.trace.v);
    json["scores"] = rows_of(view.trace.scores);
    json["out"] = rows_of(view.trace.out);
  }
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

}  // namespace qkv
