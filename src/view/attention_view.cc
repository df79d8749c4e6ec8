#include "view/attention_view.h"

#include <algorithm>
#include <cmath>

#include "base/option_error.h"
#include "base/utf8.h"
#include "decode/generator.h"
#include "decode/prompt.h"
#include "formats/json.h"
#include "view/token_labels.h"

namespace qkv {
namespace {

// Throws unless the request allows to truncate. `where` names the text.
void check_cut(bool truncate, const std::string& where, int64_t tokens, int64_t most) {
  if (truncate) return;
  fail_option(ErrorCode::bad_input, "{} has {} tokens, more than the {} tokens that the model takes; shorten it, or let `truncate` cut it",
              where, tokens, most);
}

std::vector<int32_t> encode_text(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view text, bool truncate,
                                 const std::string& where, const std::optional<SourceTokens>& around) {
  EncodedSource encoded = encode_source(tokenizer, config, text, true, where, around);
  if (encoded.cut) check_cut(truncate, where, encoded.tokens, config.max_position_embeddings);
  return std::move(encoded.ids);
}

// The ids that a decoder alone (as a prompt) or an encoder alone (with its special tokens) reads.
std::vector<int32_t> encode_single(const Tokenizer& tokenizer, const TransformerConfig& config, std::string_view text, bool truncate) {
  const std::string where = mark_fields("`source`");
  const EncodeOptions as_text{.special_tokens_as_text = true, .find_tags = true};
  std::vector<int32_t> ids = config.has_decoder() ? encode_prompt(tokenizer, config, text).ids : tokenizer.encode(text, as_text);
  if (ids.empty()) fail_option(ErrorCode::bad_input, "{} has no tokens; give a text", where);
  const int32_t last = ids.back(), largest = *std::max_element(ids.begin(), ids.end());
  if (largest >= config.vocab_size) {
    fail_option(ErrorCode::bad_input,
                "{}: token {} of tokenizer.json is outside the model's vocabulary of {}; they are not of the same model", where, largest,
                config.vocab_size);
  }
  const int64_t most = context_of(config);
  if (most > 0 && std::ssize(ids) > most) {
    check_cut(truncate, where, std::ssize(ids), most);
    ids.resize(static_cast<size_t>(most));
    if (!config.has_decoder() && tokenizer.is_special(last)) ids.back() = last;  // as in classifying
  }
  return ids;
}

// A multilingual model's translation begins with its forced token, if any, and ends with </s>.
std::optional<SourceTokens> target_tokens(const TransformerConfig& config, const TranslateOptions& options) {
  if (!options.source_tokens || options.source_tokens->others) return std::nullopt;
  SourceTokens tokens;
  if (options.search.rules.forced_first) tokens.before = {*options.search.rules.forced_first};
  if (!config.eos_token_ids.empty()) tokens.after = {config.eos_token_ids.front()};
  return tokens;
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

TextsRead read_texts(const Transformer& network, const Tokenizer& tokenizer, std::string_view source,
                     const std::optional<std::string>& target, const TranslateOptions& options) {
  const TransformerConfig& config = network.config();
  TextsRead texts;
  texts.source = replace_invalid_utf8(source);
  if (config.kind != Kind::encoder_decoder) {
    QKV_CHECK_OPTION(!target, "`target` is for a model that translates; this one {}", use_of(config));
    texts.source_ids = texts.target_in = texts.written = encode_single(tokenizer, config, source, options.truncate);
    return texts;
  }
  texts.has_target = true;
  texts.source_ids = encode_text(tokenizer, config, source, options.truncate, mark_fields("`source`"), options.source_tokens);
  texts.written = target
                      ? encode_text(tokenizer, config, *target, options.truncate, mark_fields("`target`"), target_tokens(config, options))
                      : best_translation(network, texts.source_ids, options);
  if (texts.written.empty()) {
    texts.written.push_back(config.eos_token_ids.empty() ? config.decoder_start_token_id : config.eos_token_ids.front());
  }
  texts.target_in = {options.search.decoder_start.value_or(config.decoder_start_token_id)};
  texts.target_in.insert(texts.target_in.end(), texts.written.begin(), texts.written.end() - 1);
  texts.target = target ? replace_invalid_utf8(*target) : text_of(tokenizer, config, texts.written);
  return texts;
}

std::vector<std::string> labels_read(const Tokenizer& tokenizer, const TextsRead& texts) {
  if (!texts.has_target) return token_labels(tokenizer, texts.target_in);
  std::vector<std::string> labels = token_labels(tokenizer, std::span(texts.target_in).subspan(1));
  labels.insert(labels.begin(), "<start>");
  return labels;
}

AttentionView view_attention(const Transformer& network, const Tokenizer& tokenizer, std::string_view source,
                             const std::optional<std::string>& target, AttentionKind kind, int layer, int head,
                             const TranslateOptions& options) {
  check_head(network.config(), kind, layer, head);  // before a search
  const TextsRead texts = read_texts(network, tokenizer, source, target, options);
  AttentionView view;
  view.has_target = texts.has_target;
  view.trace = trace_head(network, texts.source_ids, texts.target_in, kind, layer, head, options.dtype);
  view.source = texts.source;
  view.target = texts.target;
  view.keys = kind == AttentionKind::decoder ? labels_read(tokenizer, texts) : token_labels(tokenizer, texts.source_ids);
  view.queries = kind == AttentionKind::cross ? token_labels(tokenizer, texts.written) : view.keys;
  return view;
}

std::string attention_json(const AttentionView& view, bool trace) {
  nlohmann::ordered_json json{
      {"kind", name_of(view.trace.kind)}, {"layer", view.trace.layer}, {"head", view.trace.head}, {"source", view.source}};
  if (view.has_target) json["target"] = view.target;
  json["queries"] = view.queries;
  json["keys"] = view.keys;
  json["weights"] = rows_of(view.trace.weights);
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
