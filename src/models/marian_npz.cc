#include "models/marian_npz.h"

#include <algorithm>
#include <charconv>
#include <memory>

#include "base/error.h"
#include "formats/json.h"
#include "formats/yaml.h"
#include "io/npz_file.h"

namespace qkv {
namespace {

constexpr const char* kSettings = "special:model.yml";
constexpr std::string_view kBias = "decoder_ff_logit_out_b";

// Settings with one value that MarianMTModel computes with, and what it is where an older Marian does not say it.
constexpr std::pair<std::string_view, std::string_view> kFixed[] = {
    {"type", "transformer"},
    {"layer-normalization", "false"},
    {"right-left", "false"},
    {"transformer-ffn-depth", "2"},
    {"transformer-no-projection", "false"},
    {"transformer-postprocess-emb", "d"},
    {"transformer-postprocess", "dan"},
    {"transformer-preprocess", ""},
    {"transformer-decoder-autoreg", "self-attention"},
    {"transformer-train-position-embeddings", "false"},
    {"ulr-dim-emb", "0"},
    {"lemma-dim-emb", "0"},
};

constexpr std::pair<std::string_view, std::string_view> kModules[] = {
    {"self_Wq", "self_attn.q_proj.weight"},
    {"self_Wk", "self_attn.k_proj.weight"},
    {"self_Wv", "self_attn.v_proj.weight"},
    {"self_Wo", "self_attn.out_proj.weight"},
    {"self_bq", "self_attn.q_proj.bias"},
    {"self_bk", "self_attn.k_proj.bias"},
    {"self_bv", "self_attn.v_proj.bias"},
    {"self_bo", "self_attn.out_proj.bias"},
    {"self_Wo_ln_scale", "self_attn_layer_norm.weight"},
    {"self_Wo_ln_bias", "self_attn_layer_norm.bias"},
    {"ffn_W1", "fc1.weight"},
    {"ffn_b1", "fc1.bias"},
    {"ffn_W2", "fc2.weight"},
    {"ffn_b2", "fc2.bias"},
    {"ffn_ffn_ln_scale", "final_layer_norm.weight"},
    {"ffn_ffn_ln_bias", "final_layer_norm.bias"},
    {"context_Wq", "encoder_attn.q_proj.weight"},
    {"context_Wk", "encoder_attn.k_proj.weight"},
    {"context_Wv", "encoder_attn.v_proj.weight"},
    {"context_Wo", "encoder_attn.out_proj.weight"},
    {"context_bq", "encoder_attn.q_proj.bias"},
    {"context_bk", "encoder_attn.k_proj.bias"},
    {"context_bv", "encoder_attn.v_proj.bias"},
    {"context_bo", "encoder_attn.out_proj.bias"},
    {"context_Wo_ln_scale", "encoder_attn_layer_norm.weight"},
    {"context_Wo_ln_bias", "encoder_attn_layer_norm.bias"},
};

// model.yml within the weights: an array of characters that a zero ends.
class Settings {
 public:
  explicit Settings(const TensorFile& weights) : file_(weights.path().string()) {
    const auto found = weights.entries().find(kSettings);
    if (found == weights.entries().end()) {
      fail(ErrorCode::bad_input, "{} has no \"{}\"; Marian did not write it", file_, kSettings);
    }
    const StoredTensor& stored = found->second;
    if (stored.dtype != "I8" && stored.dtype != "U8") fail(ErrorCode::bad_input, "{}: \"{}\" is no text", file_, kSettings);
    std::string_view text(stored.data, static_cast<size_t>(stored.bytes));
    text = text.substr(0, text.find('\0'));
    yaml_ = parse_yaml(text, file_ + ": " + kSettings);
    if (!yaml_.is_object()) fail(ErrorCode::bad_input, "{}: \"{}\" has no keys", file_, kSettings);
    for (const auto& [key, value] : kFixed) {
      if (const std::string actual = text_of(key, value); actual != value) {
        fail(ErrorCode::unsupported, "{}: \"{}\" is \"{}\" in model.yml; only \"{}\" is supported", file_, key, shortened(actual, 60),
             value);
      }
    }
  }

  std::string text_of(std::string_view key, std::string_view otherwise) const {
    const auto found = yaml_.find(key);
    if (found == yaml_.end()) return std::string(otherwise);
    if (found->is_array() && found->empty()) return "";
    if (!found->is_string()) fail(ErrorCode::bad_input, "{}: \"{}\" in model.yml is no single value", file_, key);
    return found->get<std::string>();
  }
  bool flag(std::string_view key) const { return text_of(key, "false") == "true"; }
  int integer(std::string_view key) const {
    const std::string text = text_of(key, "");
    int number = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || stop != text.data() + text.size()) {
      fail(ErrorCode::bad_input, "{}: \"{}\" in model.yml is \"{}\"; a whole number was expected", file_, key, shortened(text, 60));
    }
    return number;
  }

 private:
  std::string file_;
  nlohmann::json yaml_;
};

// The name in transformers of "encoder_l3_self_Wq"; empty if it has none.
std::string transformers_name(std::string_view marian) {
  for (const std::string_view side : {"encoder", "decoder"}) {
    if (!marian.starts_with(side) || marian.substr(side.size(), 2) != "_l") continue;
    const std::string_view rest = marian.substr(side.size() + 2);
    int layer = 0;
    const auto [stop, error] = std::from_chars(rest.data(), rest.data() + rest.size(), layer);
    if (error != std::errc() || layer < 1 || rest[0] == '0' || stop == rest.data() + rest.size() || *stop != '_') return {};
    const std::string_view module(stop + 1, rest.data() + rest.size());
    const auto found = std::find_if(std::begin(kModules), std::end(kModules), [&](const auto& known) { return known.first == module; });
    if (found == std::end(kModules)) return {};
    return fmt::format("model.{}.layers.{}.{}", side, layer - 1, found->second);
  }
  return {};
}

// Marian multiplies rows by matrices: a weight is stored [in, out], and what is added [1, out].
StoredTensor transposed(StoredTensor stored) {
  const bool row = stored.shape.size() == 2 && stored.shape[0] == 1;
  if (row || stored.shape.size() < 2) {
    if (row) stored.shape.erase(stored.shape.begin());
    if (!stored.strides.empty() && row) stored.strides.clear();
    return stored;
  }
  if (stored.strides.empty()) stored.strides = {stored.shape[1], 1};
  if (stored.shape.size() == 2) {
    std::swap(stored.shape[0], stored.shape[1]);
    std::swap(stored.strides[0], stored.strides[1]);
  }
  return stored;
}

// A copy with zeros behind the last row (of the embedding) or value (of the bias): the token "<pad>", which Marian does not have.
StoredTensor with_padding(const StoredTensor& stored, TensorFile& file) {
  if (!stored.strides.empty() || stored.shape.size() != 2) {
    fail(ErrorCode::bad_input, "{}: the embedding or the bias of the logits is {}; a matrix by rows was expected", file.path().string(),
         shortened(to_string(stored.shape), 60));
  }
  StoredTensor padded = stored;
  const bool row = stored.shape[0] == 1;
  const int64_t values = row ? 1 : stored.shape[1];
  const int64_t count = count_values(stored.shape);
  const int64_t added = count == 0 ? 0 : values * (stored.bytes / count);
  std::string bytes(stored.data, static_cast<size_t>(stored.bytes));
  bytes.append(static_cast<size_t>(added), '\0');
  padded.data = file.keep(std::move(bytes)).data();
  padded.bytes += added;
  ++padded.shape[row ? 1 : 0];
  return padded;
}

WeightFiles weights_of(const MarianDirectory& directory) {
  TensorFile file = open_npz(directory.weights);
  TensorFile::Entries entries;
  for (const auto& [name, stored] : file.entries()) {
    if (name == kSettings) continue;
    if (name == "Wemb") {
      entries["model.shared.weight"] = with_padding(stored, file);
    } else if (name == kBias) {
      entries["final_logits_bias"] = with_padding(stored, file);
    } else {
      const std::string theirs = transformers_name(name);
      entries[theirs.empty() ? name : theirs] = transposed(stored);  // an unknown one is reported under its own name
    }
  }
  return WeightFiles(std::move(file).with_entries(std::move(entries)));
}

// convert_marian_to_pytorch.py's configuration.
nlohmann::json config_of(const MarianDirectory& directory, const TensorFile& weights) {
  const Settings settings(weights);
  const bool tied = settings.flag("tied-embeddings-all") || (settings.flag("tied-embeddings") && settings.flag("tied-embeddings-src"));
  const auto embedding = weights.entries().find("Wemb");
  if (!tied || embedding == weights.entries().end() || embedding->second.shape.size() != 2) {
    fail(ErrorCode::unsupported, "{}: only models with one embedding for both sides and the output (tied-embeddings-all) are supported",
         directory.weights.string());
  }
  const int64_t padding = embedding->second.shape[0], width = settings.integer("dim-emb");
  const int heads = settings.integer("transformer-heads"), size = settings.integer("transformer-dim-ffn");
  nlohmann::json config = {{"architectures", {"MarianMTModel"}},
                           {"model_type", "marian"},
                           {"vocab_size", padding + 1},
                           {"decoder_vocab_size", padding + 1},
                           {"d_model", width},
                           {"encoder_layers", settings.integer("enc-depth")},
                           {"decoder_layers", settings.integer("dec-depth")},
                           {"encoder_attention_heads", heads},
                           {"decoder_attention_heads", heads},
                           {"encoder_ffn_dim", size},
                           {"decoder_ffn_dim", size},
                           {"activation_function", settings.text_of("transformer-ffn-activation", "swish")},
                           {"pad_token_id", padding},
                           {"decoder_start_token_id", padding},
                           {"bad_words_ids", nlohmann::json::array({nlohmann::json::array({padding})})},
                           {"eos_token_id", 0},
                           {"forced_eos_token_id", 0},
                           {"max_position_embeddings", width},
                           {"scale_embedding", true},
                           {"static_position_embeddings", true},
                           {"tie_word_embeddings", true},
                           {"dropout", 0.1},
                           {"max_length", 512}};
  if (const auto beams = directory.decoder.find("beam-size"); beams != directory.decoder.end() && beams->is_string()) {
    const std::string text = beams->get<std::string>();
    int count = 0;
    const auto [stop, error] = std::from_chars(text.data(), text.data() + text.size(), count);
    if (error == std::errc() && stop == text.data() + text.size()) config["num_beams"] = count;
  }
  return config;
}

}  // namespace

ModelFiles open_marian(const MarianDirectory& directory) {
  ConfigReader config(directory.settings.string(), config_of(directory, open_npz(directory.weights)));
  return {directory.settings.parent_path(), std::move(config), {}, [directory] { return weights_of(directory); }};
}

}  // namespace qkv
