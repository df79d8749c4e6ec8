#include "models/gguf/gguf_settings.h"

#include "base/error.h"
#include "models/gguf/gguf_rope.h"
#include "models/layer_types.h"

namespace qkv {
namespace {

using nlohmann::json;

constexpr const char* kWindow = "attention.sliding_window";
constexpr int64_t kLargestSize = int64_t{1} << 30;  // products of two sizes can still be counted

bool possible(int64_t size) { return size >= 1 && size <= kLargestSize; }

// Keys of config.json that differ between classes.
struct ClassKeys {
  const char* vocab = "vocab_size";
  const char* hidden = "hidden_size";
  const char* layers = "num_hidden_layers";
  const char* heads = "num_attention_heads";
  const char* key_value_heads = "num_key_value_heads";  // null: always as many as heads
  const char* feed_forward = "intermediate_size";       // null: always 4 * hidden
  const char* positions = "max_position_embeddings";
  const char* epsilon = "rms_norm_eps";
  bool head_dim = true;       // the class has the key "head_dim"
  bool partial_rope = false;  // it may rotate a part of each head
};
constexpr ClassKeys kGpt2Keys{.hidden = "n_embd",
                              .layers = "n_layer",
                              .heads = "n_head",
                              .key_value_heads = nullptr,
                              .feed_forward = "n_inner",
                              .positions = "n_positions",
                              .epsilon = "layer_norm_epsilon"};

void map_feed_forward(GgufKeys& keys, json& config, const ClassKeys& names) {
  constexpr const char* kKey = "feed_forward_length";
  if (names.feed_forward) return keys.map_required(kKey, config, names.feed_forward);
  const int64_t hidden = config.at(names.hidden).get<int64_t>();
  if (!possible(hidden)) fail(ErrorCode::bad_input, "a network of {} columns is not possible", hidden);
  const int64_t size = 4 * hidden;
  if (keys.writing()) return keys.put(kKey, size);
  if (keys.required(kKey) != size) {
    fail(ErrorCode::unsupported, "{}: the feed-forward network has {} columns inside; such models have {}", keys.file(),
         keys.required(kKey), size);
  }
}

// Sizes that every architecture has.
void map_sizes(GgufKeys& keys, json& config, const ClassKeys& names) {
  if (keys.writing()) {
    keys.map_integer("vocab_size", config, names.vocab);
  } else {
    config[names.vocab] = keys.rows_of("token_embd.weight");
    keys.integer("vocab_size");
    keys.refuse("expert_count", "a mixture of experts");
  }
  keys.map_required("embedding_length", config, names.hidden);
  keys.map_required("block_count", config, names.layers);
  keys.map_required("attention.head_count", config, names.heads);
  keys.map_required("context_length", config, names.positions);
  map_feed_forward(keys, config, names);
  const bool rms = std::string_view(names.epsilon).starts_with("rms");
  keys.map_number(rms ? "attention.layer_norm_rms_epsilon" : "attention.layer_norm_epsilon", config, names.epsilon);
}

int64_t size_of_head(const json& config, const ClassKeys& names) {
  const auto head_dim = config.find("head_dim");
  if (head_dim != config.end() && head_dim->is_number_integer()) return head_dim->get<int64_t>();
  return config.at(names.hidden).get<int64_t>() / config.at(names.heads).get<int64_t>();
}

// Heads of keys and values, and the columns of each.
void map_heads(GgufKeys& keys, json& config, const ClassKeys& names) {
  const int64_t heads = config.at(names.heads).get<int64_t>(), hidden = config.at(names.hidden).get<int64_t>();
  if (keys.writing()) {
    if (names.key_value_heads) keys.map_integer("attention.head_count_kv", config, names.key_value_heads);
    if (!names.head_dim) return;
    keys.map_integer("attention.key_length", config, "head_dim");
    return keys.map_integer("attention.value_length", config, "head_dim");
  }
  if (!possible(heads) || !possible(hidden))
    fail(ErrorCode::bad_input, "{}: {} heads and {} columns in the attention", keys.file(), heads, hidden);
  const int64_t key_value_heads = keys.integer("attention.head_count_kv").value_or(heads);
  if (names.key_value_heads) config[names.key_value_heads] = key_value_heads;
  if (!names.key_value_heads && key_value_heads != heads) {
    fail(ErrorCode::unsupported, "{}: {} heads share {} keys and values; in such models each has its own", keys.file(), heads,
         key_value_heads);
  }
  const int64_t head_dim = keys.integer("attention.key_length").value_or(hidden / heads);
  if (!possible(head_dim)) fail(ErrorCode::bad_input, "{}: heads of {} columns", keys.file(), head_dim);
  if (keys.integer("attention.value_length").value_or(head_dim) != head_dim) {
    fail(ErrorCode::unsupported, "{}: heads have more or fewer columns in their values than in their keys", keys.file());
  }
  if (names.head_dim) config["head_dim"] = head_dim;
  if (!names.head_dim && head_dim * heads != hidden) {
    fail(ErrorCode::unsupported, "{}: {} heads of {} columns; in such models they share {}", keys.file(), heads, head_dim, hidden);
  }
}

void map_ties(GgufKeys& keys, json& config) {
  if (!keys.writing()) config["tie_word_embeddings"] = keys.tensor("output.weight") == nullptr;
}

// What most decoders have, those with rotary positions.
void map_decoder(GgufKeys& keys, json& config, const ClassKeys& names = {}) {
  map_sizes(keys, config, names);
  map_heads(keys, config, names);
  map_ties(keys, config);
  map_gguf_rope(keys, size_of_head(config, names), names.partial_rope, config);
}

// Decoders without rotary positions.
void map_without_rope(GgufKeys& keys, json& config, const ClassKeys& names) {
  map_sizes(keys, config, names);
  map_ties(keys, config);
}

// A bias or a norm is told by its tensor alone.
void find_tensor(GgufKeys& keys, const char* tensor, json& config, const char* name) {
  if (!keys.writing()) config[name] = keys.tensor(tensor) != nullptr;
}

// A window of 0 is none.
void map_window(GgufKeys& keys, json& config) {
  if (keys.writing()) return keys.map_integer(kWindow, config, "sliding_window");
  const int64_t window = keys.integer(kWindow).value_or(0);
  config["sliding_window"] = window > 0 ? json(window) : json();
}

// Which layers have the window; llama.cpp writes true for those.
void map_layer_types(GgufKeys& keys, json& config) {
  constexpr const char* kPattern = "attention.sliding_window_pattern";
  map_window(keys, config);
  if (config["sliding_window"].is_null()) return;
  if (!keys.writing()) {
    const std::vector<bool> pattern = keys.flags(kPattern);
    for (const bool slides : pattern) config["layer_types"].push_back(slides ? kSlidingAttention : kFullAttention);
    if (pattern.empty()) keys.map_integer(kPattern, config, "sliding_window_pattern");  // every such layer has no window
    return;
  }
  std::vector<bool> pattern;
  for (const json& type : config.at("layer_types")) pattern.push_back(type == kSlidingAttention);
  keys.put_flags(kPattern, pattern);
}

// ALiBi with slopes down to 2^-8, which llama.cpp takes from a key or from the architecture.
void map_alibi(GgufKeys& keys) {
  constexpr const char* kKey = "attention.max_alibi_bias";
  constexpr double kLargest = 8;
  if (keys.writing()) return keys.put_number(kKey, kLargest);
  if (const double largest = keys.number(kKey).value_or(kLargest); largest != kLargest) {
    fail(ErrorCode::unsupported, "{}: the largest bias of a distance is {}; only {} is supported", keys.file(), largest, kLargest);
  }
}

// Gemma 2 and 3 divide the scores by the root of the head's size, their largest models by that of hidden_size / heads, which the file does
// not say (llama.cpp, too, goes by the number of layers).
void map_later_gemma(GgufKeys& keys, json& config, int64_t layers_of_largest) {
  map_decoder(keys, config);
  map_window(keys, config);
  keys.map_number("final_logit_softcapping", config, "final_logit_softcapping");
  if (keys.writing()) return;
  const bool largest = config["num_hidden_layers"].get<int64_t>() == layers_of_largest;
  config["query_pre_attn_scalar"] =
      largest ? config["hidden_size"].get<int64_t>() / config["num_attention_heads"].get<int64_t>() : config["head_dim"].get<int64_t>();
}

// Layers with a window may rotate by another base; `otherwise` is that of a file that does not say it.
void map_sliding_rope(GgufKeys& keys, json& config, std::optional<double> otherwise) {
  constexpr const char* kBase = "rope.freq_base_swa";
  json& rope = config["rope_parameters"];
  if (keys.writing()) {
    if (rope.contains(kSlidingAttention)) keys.map_number(kBase, rope[std::string(kSlidingAttention)], "rope_theta");
    return;
  }
  const double theta = keys.number(kBase).value_or(otherwise.value_or(rope["rope_theta"].get<double>()));
  rope = {{kFullAttention, rope}, {kSlidingAttention, {{"rope_type", "default"}, {"rope_theta", theta}}}};
}

}  // namespace

void map_llama(GgufKeys& keys, json& config) {
  if (!keys.writing()) {
    keys.refuse(kWindow, "a window");
    keys.refuse("logit_scale", "scaled logits");
  }
  map_decoder(keys, config);
  find_tensor(keys, "blk.0.attn_output.bias", config, "attention_bias");
  find_tensor(keys, "blk.0.ffn_up.bias", config, "mlp_bias");
}

void map_qwen2(GgufKeys& keys, json& config) {
  if (!keys.writing()) keys.refuse(kWindow, "a window");
  map_decoder(keys, config);
}

void map_granite(GgufKeys& keys, json& config) {
  map_decoder(keys, config);
  keys.map_number("embedding_scale", config, "embedding_multiplier");
  keys.map_number("residual_scale", config, "residual_multiplier");
  keys.map_number("attention.scale", config, "attention_multiplier");
  keys.map_number("logit_scale", config, "logits_scaling");
}

void map_gemma2(GgufKeys& keys, json& config) {
  map_later_gemma(keys, config, 46);
  keys.map_number("attn_logit_softcapping", config, "attn_logit_softcapping");
}

void map_gemma3(GgufKeys& keys, json& config) {
  map_later_gemma(keys, config, 62);
  map_sliding_rope(keys, config, 10000);  // llama.cpp's, of files without the key
}

// The window is as wide as in config.json, half of it on each side.
void map_gemma_embedding(GgufKeys& keys, json& config) {
  map_gemma3(keys, config);
  if (keys.writing()) return keys.put_flag("attention.causal", false);
  config["use_bidirectional_attention"] = true;
  for (const char* key : {"pooling_type", "dense_2_feat_in", "dense_2_feat_out", "dense_3_feat_in", "dense_3_feat_out"}) {
    keys.integer(key);  // read where vectors are made
  }
  if (keys.flag("attention.causal").value_or(false)) {
    fail(ErrorCode::unsupported, "{}: the architecture attends in both directions, but the file says \"attention.causal\"", keys.file());
  }
}

// Queries may grow with their position. The factor of YaRN's attention is 1 whatever its scaling, since mscale and mscale_all_dim are
// equal.
void map_mistral3(GgufKeys& keys, json& config) {
  if (!keys.writing()) keys.refuse(kWindow, "a window");
  map_decoder(keys, config);
  json& rope = config["rope_parameters"];
  keys.map_number("attention.temperature_scale", rope, "llama_4_scaling_beta");
  keys.map_number("rope.scaling.yarn_log_multiplier", rope, "mscale_all_dim");
  if (keys.writing()) return;
  const auto otherwise = [&](const char* name, const json& value) {
    if (!rope.contains(name)) rope[name] = value;
  };
  otherwise("llama_4_scaling_beta", 0.0);
  otherwise("original_max_position_embeddings", config["max_position_embeddings"]);
  if (rope["rope_type"] != "yarn") return;
  otherwise("mscale_all_dim", 1.0);
  rope["mscale"] = rope["mscale_all_dim"];
}

void map_phi2(GgufKeys& keys, json& config) {
  map_decoder(keys, config, {.epsilon = "layer_norm_eps", .head_dim = false, .partial_rope = true});
}

void map_phi3(GgufKeys& keys, json& config) {
  map_decoder(keys, config, {.partial_rope = true});
  map_window(keys, config);
  map_gguf_long_rope(keys, config);
}

void map_gpt2(GgufKeys& keys, json& config) {
  map_without_rope(keys, config, kGpt2Keys);
  if (!keys.writing()) config["n_positions"] = keys.rows_of("position_embd.weight");
}

// llama.cpp's StarCoder has one head of keys and values, which the class's weights call "multi_query".
void map_starcoder(GgufKeys& keys, json& config) {
  map_gpt2(keys, config);
  if (keys.writing()) return keys.put("attention.head_count_kv", 1);
  config["multi_query"] = true;
  if (keys.integer("attention.head_count_kv").value_or(1) != 1) {
    fail(ErrorCode::unsupported, "{}: more than one head of keys and values", keys.file());
  }
}

void map_starcoder2(GgufKeys& keys, json& config) {
  map_decoder(keys, config, {.epsilon = "norm_epsilon"});
  map_window(keys, config);  // llama.cpp reads no window here, so its own converter writes none
}

void map_gpt_neox(GgufKeys& keys, json& config) {
  map_decoder(keys, config, {.key_value_heads = nullptr, .epsilon = "layer_norm_eps", .head_dim = false, .partial_rope = true});
  keys.map_flag("use_parallel_residual", config, "use_parallel_residual");
}

// Grouped keys and values, or two norms in each layer, are the class's newer form.
void map_falcon(GgufKeys& keys, json& config) {
  ClassKeys names{.key_value_heads = nullptr, .feed_forward = "ffn_hidden_size", .epsilon = "layer_norm_epsilon", .head_dim = false};
  const char* kv = "attention.head_count_kv";
  map_sizes(keys, config, names);
  map_ties(keys, config);
  const int64_t heads = config.at("num_attention_heads").get<int64_t>();
  if (keys.writing()) {
    keys.put(kv, config["multi_query"] == true ? 1 : config.at("num_kv_heads").get<int64_t>());
    keys.put_text("tensor_data_layout", "jploski");  // all queries, then keys, then values
  } else {
    const int64_t groups = keys.integer(kv).value_or(heads);
    const bool two_norms = keys.tensor("blk.0.attn_norm_2.weight") != nullptr;
    keys.text("tensor_data_layout");
    if (!possible(heads)) fail(ErrorCode::bad_input, "{}: {} heads in the attention", keys.file(), heads);
    config["multi_query"] = groups == 1;
    config["new_decoder_architecture"] = two_norms || (groups != 1 && groups != heads);
    config["num_kv_heads"] = groups;
    if (config["new_decoder_architecture"] == true) config["num_ln_in_parallel_attn"] = two_norms ? 2 : 1;
  }
  map_gguf_rope(keys, size_of_head(config, names), false, config);
}

void map_mpt(GgufKeys& keys, json& config) {
  map_without_rope(keys, config,
                   {.hidden = "d_model",
                    .layers = "n_layers",
                    .heads = "n_heads",
                    .feed_forward = nullptr,
                    .positions = "max_seq_len",
                    .epsilon = "layer_norm_epsilon"});
  map_alibi(keys);
  keys.map_number("attention.clamp_kqv", config["attn_config"], "clip_qkv");
}

void map_bloom(GgufKeys& keys, json& config) {
  const ClassKeys names{.layers = "n_layer",
                        .heads = "n_head",
                        .key_value_heads = nullptr,
                        .feed_forward = nullptr,
                        .positions = "seq_length",
                        .epsilon = "layer_norm_epsilon",
                        .head_dim = false};
  map_without_rope(keys, config, names);
  map_heads(keys, config, names);
  map_alibi(keys);
}

void map_stablelm(GgufKeys& keys, json& config) {
  map_decoder(keys, config, {.epsilon = "layer_norm_eps", .head_dim = false, .partial_rope = true});
  keys.map_flag("use_parallel_residual", config, "use_parallel_residual");
  find_tensor(keys, "blk.0.attn_q.bias", config, "use_qkv_bias");
  find_tensor(keys, "blk.0.attn_q_norm.weight", config, "qk_layernorm");
}

// Three layers with a window and without rotation, then one of the other kind, in every model.
void map_cohere2(GgufKeys& keys, json& config) {
  map_decoder(keys, config, {.epsilon = "layer_norm_eps", .head_dim = false});
  keys.map_integer(kWindow, config, "sliding_window");
  keys.map_number("logit_scale", config, "logit_scale");
}

void map_exaone4(GgufKeys& keys, json& config) {
  map_decoder(keys, config);
  map_layer_types(keys, config);
}

void map_glm4(GgufKeys& keys, json& config) {
  map_decoder(keys, config, {.partial_rope = true});
  find_tensor(keys, "blk.0.attn_q.bias", config, "attention_bias");
}

void map_olmo2(GgufKeys& keys, json& config) {
  if (!keys.writing()) keys.refuse(kWindow, "a window");
  map_decoder(keys, config);
}

void map_olmo3(GgufKeys& keys, json& config) {
  map_decoder(keys, config);
  map_layer_types(keys, config);
  map_sliding_rope(keys, config, std::nullopt);
}

void map_bert(GgufKeys& keys, json& config) {
  map_sizes(keys, config, {.epsilon = "layer_norm_eps"});
  if (keys.writing()) return keys.put_flag("attention.causal", false);
  config["max_position_embeddings"] = keys.rows_of("position_embd.weight");
  config["type_vocab_size"] = keys.rows_of("token_types.weight");
  keys.flag("attention.causal");
  keys.integer("pooling_type");  // read where vectors are made
  keys.refuse("attention.max_alibi_bias", "ALiBi");
}

}  // namespace qkv
