#include "text/tokenizer_json.h"

#include <nlohmann/json.hpp>
#include <unordered_map>
#include <utility>

#include "base/error.h"
#include "text/bpe_json.h"
#include "text/decoders.h"
#include "text/json_slices.h"
#include "text/normalizers.h"
#include "text/post_processors.h"
#include "text/pre_tokenizers.h"
#include "text/sentencepiece_json.h"
#include "text/token_models_json.h"

namespace qkv {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;

AddedToken read_added_token(const JsonNode& node) {
  AddedToken token;
  const int64_t id = node.at("id").integer();
  if (id < 0 || id > INT32_MAX) node.at("id").fail("is out of range");
  token.id = static_cast<int32_t>(id);
  token.content = node.at("content").string();
  token.single_word = node.boolean_or("single_word", false);
  token.lstrip = node.boolean_or("lstrip", false);
  token.rstrip = node.boolean_or("rstrip", false);
  token.special = node.boolean_or("special", false);
  token.normalized = node.boolean_or("normalized", !token.special);
  return token;
}

// An added token is one of the model's, with the same id, or has an id that the model does not use.
std::vector<AddedToken> read_added_tokens(const JsonNode& root, const Vocabulary& vocabulary) {
  std::vector<AddedToken> tokens;
  const auto list = root.find("added_tokens");
  if (!list) return tokens;
  const std::vector<JsonNode> nodes = list->items();
  const int64_t limit = vocabulary.size() + static_cast<int64_t>(nodes.size()) + 100'000;
  std::unordered_map<int32_t, std::string> by_id;
  std::unordered_map<std::string, int32_t> by_content;
  for (const JsonNode& node : nodes) {
    AddedToken token = read_added_token(node);
    if (token.content.empty()) continue;
    if (token.id >= limit) node.fail(fmt::format("has the id {}, which is out of range", token.id));
    const int32_t in_model = vocabulary.id(token.content);
    if (in_model >= 0 && in_model != token.id) {
      node.fail(fmt::format("gives \"{}\" the id {}, but the model's vocabulary gives it {}", token.content, token.id, in_model));
    }
    if (in_model < 0 && token.id < vocabulary.size() && !vocabulary.token(token.id).empty()) {
      node.fail(fmt::format("gives \"{}\" the id {}, which is the id of \"{}\"", token.content, token.id, vocabulary.token(token.id)));
    }
    const auto [other, fresh] = by_id.emplace(token.id, token.content);
    if (!fresh) node.fail(fmt::format("gives the id {} to both \"{}\" and \"{}\"", token.id, other->second, token.content));
    if (!by_content.emplace(token.content, token.id).second) node.fail(fmt::format("adds \"{}\" a second time", token.content));
    tokens.push_back(std::move(token));
  }
  return tokens;
}

std::unique_ptr<TokenModel> make_model(const JsonNode& node) {
  const std::string type = node.string_or("type", type_by_fields(node));  // files before tokenizers 0.10 have no type
  if (type == "BPE") return make_bpe(node);
  if (type == "WordPiece") return make_word_piece(node);
  if (type == "WordLevel") return make_word_level(node);
  if (type == "Unigram") return make_unigram(node);
  if (type.empty()) node.fail("has no \"type\"");
  node.fail_unsupported("is of the kind \"" + type + "\", which qkv does not have");
}

// {"max_length", "stride", "strategy", "direction"}, of which the last may be missing.
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

}  // namespace

namespace {

TokenizerParts make_parts(const json& document, const std::string& file) {
  const JsonNode root(document, file);
  if (!document.is_object() || !root.find("model")) root.fail("this is not a tokenizer.json: it has no \"model\"");
  if (const auto version = root.find("version"); version && version->string() != "1.0") {
    version->fail_unsupported("is \"" + version->string() + "\"; qkv knows \"1.0\"");
  }
  TokenizerParts parts;
  const JsonNode model = root.at("model");
  const bool sentencepiece = model.value().is_object() && model.find("sentencepiece");
  if (sentencepiece) {
    make_sentencepiece_parts(model, parts);
  } else {
    parts.model = make_model(model);
    if (const auto node = root.find("normalizer")) parts.normalizer = make_normalizer(*node);
    if (const auto node = root.find("pre_tokenizer")) parts.pre_tokenizer = make_pre_tokenizer(*node);
    if (const auto node = root.find("decoder")) parts.decoder = make_decoder(*node);
  }
  std::vector<AddedToken> added = read_added_tokens(root, parts.model->vocabulary());
  if (sentencepiece) leave_to_sentencepiece(model, added);
  int32_t vocab_size = parts.model->vocabulary().size();
  for (const AddedToken& token : added) vocab_size = std::max(vocab_size, token.id + 1);
  if (const auto node = root.find("post_processor")) parts.post_processor = make_post_processor(*node, vocab_size);
  if (const auto node = root.find("truncation")) parts.truncation = read_truncation(*node);
  parts.added_tokens = std::make_unique<AddedTokens>(std::move(added), parts.normalizer.get());
  return parts;
}

}  // namespace

TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file) {
  constexpr size_t kLarge = 64 << 10;
  return parse_tokenizer_json(text, file, kLarge);
}

TokenizerParts parse_tokenizer_json(std::string_view text, const std::string& file, size_t least_slice) {
  if (const auto document = parse_with_slices(text, file, least_slice)) {
    try {
      return make_parts(*document, file);
    } catch (const NotPlain&) {
    }
  }
  return make_parts(parse_json(text, file), file);
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
  config["tokenizer_class"] = "PreTrainedTokenizerFast";
  return config.dump(2) + "\n";
}

}  // namespace qkv
