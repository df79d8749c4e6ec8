#include "text/files/gguf_vocabulary_writer.h"

#include <algorithm>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/error.h"
#include "formats/base64.h"
#include "formats/json.h"
#include "formats/json_node.h"
#include "text/files/gguf_pre_tokenizers.h"
#include "text/files/token_limits.h"
#include "text/token_models/sentencepiece_model.h"
#include "text/token_models/sentencepiece_symbols.h"
#include "text/token_models/token_splits.h"
#include "text/unicode/split_patterns.h"

namespace qkv {
namespace {

using nlohmann::json;

constexpr std::string_view kGgml = "tokenizer.ggml.";
constexpr float kOfAddedTokens = -1000;  // score, as in llama.cpp's files

std::string key(std::string_view name) { return std::string(kGgml).append(name); }

// "type" of a stage; empty for null.
std::string type_of(const json& stage) { return stage.is_object() ? stage.value("type", "") : ""; }

// The stages of a Sequence, or the stage itself; none for null.
std::vector<json> stages_of(const json& stage, const char* list) {
  if (!stage.is_object()) return {};
  if (type_of(stage) != "Sequence") return {stage};
  return stage.value(list, std::vector<json>());
}

class VocabularyWriter {
 public:
  VocabularyWriter(const json& document, const std::string& file, int64_t count)
      : document_(document), root_(document, file), model_(root_.at("model")), count_(count) {}

  GgufVocabularyKeys write() && {
    const std::string type = model_.string_or("type", "");
    if (const auto exact = model_.find("sentencepiece")) {
      sentencepiece(*exact);
    } else if (type == "WordPiece") {
      bert();
    } else if (type == "BPE" && model_.boolean_or("byte_fallback", false)) {
      llama();
    } else if (type == "BPE") {
      byte_level();
    } else {
      unsupported(fmt::format("its model is of the type \"{}\"", shortened(type, 60)));
    }
    return std::move(result_);
  }

 private:
  [[noreturn]] void unsupported(const std::string& why) const {
    fail(ErrorCode::unsupported, "{}: GGUF cannot hold this tokenizer: {}", root_.file(), why);
  }

  const json& stage(const char* name) const {
    static const json kNone;
    const auto found = document_.find(name);
    return found == document_.end() ? kNone : *found;
  }

  void add_token(int64_t id, const std::string& token, PieceType type) {
    if (id < 0 || id >= count_)
      unsupported(fmt::format("its token {} has the id {}, but the model has only {} ids", shortened(token, 60), id, count_));
    tokens_[static_cast<size_t>(id)] = token;
    types_[static_cast<size_t>(id)] = static_cast<int32_t>(type);
  }

  // Fills the list with the model's vocabulary and the added tokens.
  void read_tokens() {
    if (count_ > static_cast<int64_t>(kMaxTokens)) unsupported(fmt::format("{} tokens are too many", count_));
    for (int64_t id = 0; id < count_; ++id) {
      tokens_.push_back(fmt::format("[PAD{}]", id));
      types_.push_back(static_cast<int32_t>(PieceType::unused));
    }
    const JsonNode vocab = model_.at("vocab");
    if (vocab.value().is_array()) {
      for (size_t id = 0; id < vocab.value().size(); ++id)
        add_token(static_cast<int64_t>(id), vocab.item(id).item(0).string(), PieceType::normal);
    } else {
      for (const auto& [token, id] : vocab.value().items()) add_token(id.get<int64_t>(), token, PieceType::normal);
    }
    if (const auto added = root_.find("added_tokens")) {
      for (const JsonNode& token : added->items()) {
        const bool special = token.boolean_or("special", false);
        add_token(token.at("id").integer(), token.at("content").string(), special ? PieceType::control : PieceType::user_defined);
      }
    }
    for (size_t id = 0; id < tokens_.size(); ++id) ids_.emplace(tokens_[id], static_cast<int32_t>(id));
  }

  std::optional<int32_t> id_of(std::string_view token) const {
    const auto found = ids_.find(std::string(token));
    return found == ids_.end() ? std::nullopt : std::optional(found->second);
  }
  void set_unknown() {
    const std::string unknown = model_.string_or("unk_token", "");
    if (const auto id = unknown.empty() ? std::nullopt : id_of(unknown)) result_.ids["unknown_token_id"] = *id;
  }

  void put_tokens(std::string_view kind, std::string_view pre) {
    result_.keys.string(key("model"), kind).string(key("pre"), pre).strings(key("tokens"), tokens_).integers(key("token_type"), types_);
  }

  // Ids that the post-processor puts before and behind a text: one at most on each side.
  void put_surroundings() {
    std::optional<int32_t> ends[2];
    for (const json& each : stages_of(stage("post_processor"), "processors")) {
      if (type_of(each) == "ByteLevel") continue;
      if (type_of(each) != "TemplateProcessing") unsupported(fmt::format("its post-processor is \"{}\"", type_of(each)));
      size_t side = 0;
      for (const JsonNode& part : JsonNode(each, root_.file(), "post_processor").at("single").items()) {
        if (part.find("Sequence")) {
          side = 1;
          continue;
        }
        if (ends[side]) unsupported("its post-processor puts several tokens on one side of a text");
        const std::string token = part.at("SpecialToken").at("id").string();
        ends[side] = id_of(token);
        if (!ends[side]) unsupported(fmt::format("its post-processor adds {}, which is no token", shortened(token, 60)));
      }
    }
    result_.keys.boolean(key("add_bos_token"), ends[0].has_value()).boolean(key("add_eos_token"), ends[1].has_value());
    if (ends[0]) result_.ids["bos_token_id"] = *ends[0];
    if (ends[1]) result_.ids["eos_token_id"] = *ends[1];
  }

  void byte_level() {
    for (const json& each : stages_of(stage("normalizer"), "normalizers")) {
      if (type_of(each) != "NFC") unsupported(fmt::format("its normalizer is \"{}\"", type_of(each)));  // llama.cpp has none
    }
    for (const char* option : {"unk_token", "continuing_subword_prefix", "end_of_word_suffix"}) {
      if (!model_.string_or(option, "").empty()) unsupported(fmt::format("its model has a \"{}\"", option));
    }
    read_tokens();
    bool space = false;
    const std::vector<std::string> patterns = patterns_of(space);
    const bool ignores_merges = model_.boolean_or("ignore_merges", false);
    const GgufPreTokenizer* cut = find_gguf_pre_tokenizer(patterns, ignores_merges);
    if (!cut) unsupported("llama.cpp has no name for the patterns by which it cuts a text");
    put_tokens("gpt2", cut->names.front());
    result_.keys.strings(key("merges"), merge_lines());
    if (space) result_.keys.boolean(key("add_space_prefix"), true);
    put_surroundings();
  }

  // The patterns of the pre-tokenizer in their order.
  std::vector<std::string> patterns_of(bool& space) const {
    std::vector<std::string> patterns;
    bool bytes = false;
    for (const json& each : stages_of(stage("pre_tokenizer"), "pretokenizers")) {
      const JsonNode node(each, root_.file(), "pre_tokenizer");
      const std::string type = type_of(each);
      if (type == "ByteLevel") {
        bytes = true;
        space = node.boolean_or("add_prefix_space", true);
        if (node.boolean_or("use_regex", true)) patterns.emplace_back(patterns::kGpt2);
      } else if (type == "Digits") {
        patterns.emplace_back(node.boolean_or("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
      } else if (type == "Split" && node.at("pattern").find("Regex")) {
        const std::string behavior = node.at("behavior").string();
        const bool inverted = node.boolean_or("invert", false);
        if (inverted ? behavior != "Removed" : behavior != "Isolated") unsupported(fmt::format("it cuts with \"{}\"", behavior));
        patterns.push_back(node.at("pattern").at("Regex").string());
      } else {
        unsupported(fmt::format("its pre-tokenizer is \"{}\"", type));
      }
    }
    if (!bytes) unsupported("its BPE is not of bytes");
    return patterns;
  }

  std::vector<std::string> merge_lines() const {
    std::vector<std::string> lines;
    for (const JsonNode& merge : model_.at("merges").items()) {
      lines.push_back(merge.value().is_string() ? merge.string() : merge.item(0).string() + " " + merge.item(1).string());
    }
    return lines;
  }

  // SentencePiece's own description, which qkv keeps in its tokenizer.json.
  void sentencepiece(const JsonNode& exact) {
    const std::string kind = exact.at("kind").string();
    if (kind != "bpe" && kind != "unigram") unsupported(fmt::format("it is a SentencePiece model of the kind \"{}\"", shortened(kind, 60)));
    if (!exact.at("escape_whitespaces").boolean() || exact.at("whitespace_as_suffix").boolean())
      unsupported("it writes spaces in another way");
    read_tokens();
    scores_.assign(tokens_.size(), kOfAddedTokens);
    const JsonNode scores = kind == "bpe" ? exact.at("scores") : model_.at("vocab");
    for (size_t id = 0; id < std::min(scores.value().size(), scores_.size()); ++id) {
      const json& score = kind == "bpe" ? scores.item(id).value() : scores.item(id).item(1).value();
      scores_[id] = score.get<float>();
    }
    constexpr std::pair<const char*, PieceType> kTypes[] = {{"unknown", PieceType::unknown},
                                                            {"control", PieceType::control},
                                                            {"user_defined", PieceType::user_defined},
                                                            {"unused", PieceType::unused},
                                                            {"byte", PieceType::byte}};
    for (const auto& [name, type] : kTypes) {
      for (const JsonNode& id : exact.at(name).items()) {
        types_.at(static_cast<size_t>(id.integer())) = static_cast<int32_t>(type);
        if (type == PieceType::unknown) result_.ids["unknown_token_id"] = static_cast<int32_t>(id.integer());
      }
    }
    put_pieces(kind == "bpe" ? "llama" : "t5", exact.at("add_dummy_prefix").boolean() && exact.string_or("prefix", "first") != "never");
    result_.keys.boolean(key("remove_extra_whitespaces"), exact.at("remove_extra_whitespaces").boolean());
    const auto map = from_base64(exact.at("character_map").string());
    if (map && !map->empty()) result_.keys.bytes(key("precompiled_charsmap"), *map);
  }

  void put_pieces(const char* kind, bool space) {
    put_tokens(kind, "default");
    result_.keys.floats(key("scores"), scores_).boolean(key("add_space_prefix"), space);
    put_surroundings();
  }

  // SentencePiece's BPE as transformers writes it: the ranks of merges stand for the scores of pieces.
  void llama() {
    const bool space = puts_space_before_text();
    read_tokens();
    set_unknown();
    if (const auto unknown = result_.ids.find("unknown_token_id"); unknown != result_.ids.end()) {
      types_[static_cast<size_t>(unknown->second)] = static_cast<int32_t>(PieceType::unknown);
    }
    for (int byte = 0; byte < 256; ++byte) {
      const auto id = id_of(fmt::format("<0x{:02X}>", byte));
      if (!id) unsupported("it lacks a token of a byte");
      types_[static_cast<size_t>(*id)] = static_cast<int32_t>(PieceType::byte);
    }
    scores_from_merges();
    put_pieces("llama", space);
  }

  bool puts_space_before_text() const {
    bool space = false, escaped = false;
    for (const json& each : stages_of(stage("normalizer"), "normalizers")) {
      const std::string type = type_of(each);
      const bool replaces = type == "Replace" && each.value("content", "") == kSpaceSymbol;
      if (type == "Prepend" && each.value("prepend", "") == kSpaceSymbol) {
        space = true;
      } else if (replaces) {
        escaped = true;
      } else {
        unsupported(fmt::format("its normalizer is \"{}\"", type));
      }
    }
    for (const json& each : stages_of(stage("pre_tokenizer"), "pretokenizers")) {
      const std::string type = type_of(each);
      const bool nothing_left = type == "Split" && escaped;  // spaces, which are gone by then
      if (type == "Metaspace") {
        space = each.value("prepend_scheme", each.value("add_prefix_space", true) ? "always" : "never") != "never";
        escaped = true;
      } else if (!nothing_left) {
        unsupported(fmt::format("its pre-tokenizer is \"{}\"", type));
      }
    }
    if (!escaped) unsupported("it does not write spaces as U+2581");
    return space;
  }

  // SentencePiece merges any two pieces that are a piece together, best score first. So the merges must be all of these pairs, and those
  // with one result must stand together.
  void scores_from_merges() {
    std::vector<std::string_view> views(tokens_.begin(), tokens_.end());
    std::vector<bool> normal;
    for (const int32_t type : types_) normal.push_back(type == static_cast<int32_t>(PieceType::normal));
    const size_t pairs = token_splits(views, normal, normal, root_.file()).size();
    std::unordered_map<std::string, size_t> ranks;  // the first merge of each result
    scores_.assign(tokens_.size(), 0);
    std::string before;
    size_t rank = 0;
    for (const std::string& line : merge_lines()) {
      std::string whole = line;
      whole.erase(whole.find(' '), 1);
      if (whole != before && !ranks.emplace(whole, rank).second) unsupported("its merges are not in the order of pieces");
      before = std::move(whole);
      ++rank;
    }
    if (rank != pairs) unsupported(fmt::format("it has {} merges, but {} pairs of tokens are a token together", rank, pairs));
    for (size_t id = 0; id < tokens_.size(); ++id) {
      const auto found = ranks.find(tokens_[id]);
      if (normal[id]) scores_[id] = -static_cast<float>(found == ranks.end() ? rank : found->second);
      if (types_[id] == static_cast<int32_t>(PieceType::user_defined)) scores_[id] = kOfAddedTokens;
    }
  }

  void bert() {
    const std::string prefix = model_.string_or("continuing_subword_prefix", "##");
    const JsonNode normalizer = root_.at("normalizer");
    if (type_of(normalizer.value()) != "BertNormalizer" || !normalizer.boolean_or("clean_text", true) ||
        !normalizer.boolean_or("handle_chinese_chars", true)) {
      unsupported("its normalizer is not BERT's");
    }
    if (type_of(stage("pre_tokenizer")) != "BertPreTokenizer") unsupported("its pre-tokenizer is not BERT's");
    read_tokens();
    set_unknown();
    put_sentence_ends();
    for (size_t id = 0; id < tokens_.size(); ++id) {
      if (types_[id] != static_cast<int32_t>(PieceType::normal)) continue;
      std::string& token = tokens_[id];
      token = token.starts_with(prefix) ? token.substr(prefix.size()) : std::string(kSpaceSymbol) + token;
    }
    put_tokens("bert", "default");
    result_.keys.boolean(key("normalizer.lowercase"), normalizer.boolean_or("lowercase", true));
    if (const auto strip = normalizer.find("strip_accents")) result_.keys.boolean(key("normalizer.strip_accents"), strip->boolean());
  }

  // [CLS] and [SEP], which go around every text.
  void put_sentence_ends() {
    const json& post = stage("post_processor");
    const JsonNode node(post, root_.file(), "post_processor");
    std::string cls, sep;
    if (type_of(post) == "BertProcessing") {
      cls = node.at("cls").item(0).string(), sep = node.at("sep").item(0).string();
    } else if (type_of(post) == "TemplateProcessing" && node.at("single").value().size() == 3) {
      cls = node.at("single").item(0).at("SpecialToken").at("id").string();
      sep = node.at("single").item(2).at("SpecialToken").at("id").string();
    } else {
      unsupported("its post-processor is not BERT's");
    }
    const auto first = id_of(cls), last = id_of(sep);
    if (!first || !last) unsupported("its post-processor adds what is no token");
    result_.ids["cls_token_id"] = result_.ids["bos_token_id"] = *first;  // llama.cpp puts the latter in front
    result_.ids["seperator_token_id"] = *last;                           // llama.cpp's spelling
  }

  const json& document_;
  JsonNode root_, model_;
  int64_t count_;
  std::vector<std::string> tokens_;
  std::unordered_map<std::string, int32_t> ids_;  // of the tokens as they were read
  std::vector<int32_t> types_;
  std::vector<float> scores_;
  GgufVocabularyKeys result_;
};

}  // namespace

GgufVocabularyKeys write_gguf_vocabulary(std::string_view text, const std::string& file, int64_t count) {
  const json document = parse_json(text, file);
  return VocabularyWriter(document, file, count).write();
}

}  // namespace qkv
