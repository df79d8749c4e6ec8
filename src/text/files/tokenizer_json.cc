#include "text/files/tokenizer_json.h"

#include <utility>

#include "base/error.h"
#include "formats/json.h"
#include "text/files/added_tokens_json.h"
#include "text/files/bpe_json.h"
#include "text/files/config_stages.h"
#include "text/files/json_slices.h"
#include "text/files/sentencepiece_json.h"
#include "text/files/token_models_json.h"
#include "text/stages/decoders.h"
#include "text/stages/normalizers.h"
#include "text/stages/post_processors.h"
#include "text/stages/pre_tokenizers.h"

namespace qkv {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

std::unique_ptr<TokenModel> make_model(const JsonNode& node) {
  const std::string type = node.string_or("type", type_by_fields(node));  // files before tokenizers 0.10 have no type
  if (type == "BPE") return make_bpe(node);
  if (type == "WordPiece") return make_word_piece(node);
  if (type == "WordLevel") return make_word_level(node);
  if (type == "Unigram") return make_unigram(node);
  if (type.empty()) node.fail("has no \"type\"");
  node.fail_unsupported("is of the kind \"" + shortened(type) + "\", which qkv does not have");
}

// {"max_length", "stride", "strategy", "direction"}; the last one is optional.
Truncation read_truncation(const JsonNode& node) {
  const auto count = [&](const char* key) {
    const int64_t value = node.at(key).integer();
    if (value < 0) node.at(key).fail("must not be negative");
    return static_cast<size_t>(value);
  };
  Truncation truncation{.max_length = count("max_length"), .stride = count("stride")};
  const std::string strategy = node.at("strategy").string(), direction = node.string_or("direction", "Right");
  if (strategy == "OnlyFirst") {
    truncation.strategy = Truncation::Strategy::only_first;
  } else if (strategy == "OnlySecond") {
    truncation.strategy = Truncation::Strategy::only_second;
  } else if (strategy != "LongestFirst") {
    node.at("strategy").fail("must be \"LongestFirst\", \"OnlyFirst\" or \"OnlySecond\"");
  }
  if (direction != "Right" && direction != "Left") node.at("direction").fail("must be \"Right\" or \"Left\"");
  if (direction == "Left") truncation.direction = Truncation::Direction::left;
  return truncation;
}

// `config` may be null; `changed` becomes true if it changes the added tokens. `ready`: a model that replaces the file's, or null.
TokenizerParts make_parts(const json& document, const std::string& file, const TokenizerConfig* config, bool& changed,
                          std::unique_ptr<TokenModel> ready = nullptr) {
  const JsonNode root(document, file);
  if (!document.is_object() || !root.find("model")) root.fail("this is not a tokenizer.json: it has no \"model\"");
  if (const auto version = root.find("version"); version && version->string() != "1.0") {
    version->fail_unsupported("is \"" + shortened(version->string()) + "\"; qkv knows \"1.0\"");
  }
  TokenizerParts parts;
  const JsonNode model = root.at("model");
  parts.model_is_bpe = model.value().is_object() && model.string_or("type", type_by_fields(model)) == "BPE";
  const bool sentencepiece = model.value().is_object() && model.find("sentencepiece");
  if (sentencepiece) {
    make_sentencepiece_parts(model, parts);
  } else {
    parts.model = ready ? std::move(ready) : make_model(model);
    if (const auto node = root.find("normalizer")) parts.normalizer = make_normalizer(*node);
    if (const auto node = root.find("pre_tokenizer")) parts.pre_tokenizer = make_pre_tokenizer(*node);
    if (const auto node = root.find("decoder")) parts.decoder = make_decoder(*node);
  }
  std::vector<AddedToken> added = read_added_tokens(root, parts.model->vocabulary());
  if (sentencepiece) {
    leave_to_sentencepiece(model, added);
  } else if (config) {
    changed = merge_added_tokens(*config, parts.model->vocabulary(), file, added) || changed;
  }
  int32_t vocab_size = parts.model->vocabulary().size();
  for (const AddedToken& token : added) vocab_size = std::max(vocab_size, token.id + 1);
  if (const auto node = root.find("post_processor")) parts.post_processor = make_post_processor(*node, vocab_size);
  if (const auto node = root.find("truncation")) parts.truncation = read_truncation(*node);
  parts.added_tokens = std::make_unique<AddedTokens>(std::move(added), parts.normalizer.get());
  return parts;
}

// If `config` changes something, `text` becomes the text of the changed document.
TokenizerParts parts_of(json document, const std::string& file, const TokenizerConfig* config, std::string* text) {
  bool changed = config && apply_config(*config, document, file);
  TokenizerParts parts = make_parts(document, file, config, changed);
  if (!changed) return parts;
  document["added_tokens"] = added_tokens_json(parts.added_tokens->tokens());
  *text = text_with_slices(document);
  return parts;
}

TokenizerParts parse(std::string_view text, const std::string& file, size_t least_slice, const TokenizerConfig* config,
                     std::string* changed) {
  if (auto document = parse_with_slices(text, file, least_slice)) {
    try {
      return parts_of(std::move(*document), file, config, changed);
    } catch (const NotPlain&) {
    }
  }
  return parts_of(parse_json(text, file), file, config, changed);
}

constexpr size_t kLarge = 64 << 10;

}  // namespace

TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file) { return parse(text, file, kLarge, nullptr, nullptr); }

TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file, std::unique_ptr<TokenModel> model) {
  bool changed = false;
  return make_parts(parse_json(text, file), file, nullptr, changed, std::move(model));
}

TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file, size_t least_slice) {
  return parse(text, file, least_slice, nullptr, nullptr);
}

TokenizerParts parse_tokenizer_json(std::string& text, const std::string& file, const TokenizerConfig& config) {
  std::string changed;
  TokenizerParts parts = parse(text, file, kLarge, &config, &changed);
  if (!changed.empty()) text = std::move(changed);
  return parts;
}

std::string make_tokenizer_config(std::span<const AddedToken> added_tokens) {
  constexpr std::pair<const char*, const char*> kRoles[] = {
      {"bos_token", "<|endoftext|>"}, {"eos_token", "<|endoftext|>"}, {"bos_token", "<s>"},     {"eos_token", "</s>"},
      {"unk_token", "<unk>"},         {"unk_token", "[UNK]"},         {"pad_token", "<pad>"},   {"pad_token", "[PAD]"},
      {"cls_token", "[CLS]"},         {"sep_token", "[SEP]"},         {"mask_token", "[MASK]"}, {"mask_token", "<mask>"}};
  ordered_json config{{"clean_up_tokenization_spaces", false}};
  for (const auto& [role, name] : kRoles) {
    for (const AddedToken& token : added_tokens) {
      if (token.special && token.content == name) config[role] = name;
    }
  }
  // For the class that follows, transformers 5 gives no token types otherwise.
  if (config.contains("cls_token")) config["model_input_names"] = {"input_ids", "token_type_ids", "attention_mask"};
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return config.dump(2) + "\n";
}

}  // namespace qkv
