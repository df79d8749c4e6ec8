#include "text/files/sentencepiece_directory.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/log.h"
#include "text/files/sentencepiece_file.h"
#include "text/files/sentencepiece_json.h"
#include "text/files/token_limits.h"

namespace qkv {
namespace {

using Prefix = SentencePieceModel::Prefix;

// Behaviour of a transformers class if its configuration does not specify it.
struct ClassDefaults {
  std::string_view name;
  bool begins = false, ends = false;  // with a special token
  bool follows_flags = true;          // of add_bos_token and add_eos_token
  bool legacy = true;
  Prefix with_legacy = Prefix::each, without_legacy = Prefix::first_unless_space;
  bool own_stages = false;  // whether the class's prefix space replaces the model's, and the rest of its normalizer is dropped
};
constexpr ClassDefaults kClasses[] = {
    {"LlamaTokenizer", false, false, true, false, Prefix::each_unless_space, Prefix::first_unless_space, true},
    {"CodeLlamaTokenizer", true, false, true, false, Prefix::first_unless_space, Prefix::first_unless_space, true},
    {"GemmaTokenizer", false, false, true, false, Prefix::never, Prefix::never, true},
    {"T5Tokenizer", false, true, false, true, Prefix::each_unless_space, Prefix::each_unless_space},
    {"MT5Tokenizer", false, true, false, true, Prefix::each_unless_space, Prefix::each_unless_space}};
// Classes that do not use the model file's ids, or put other tokens around a text.
constexpr std::string_view kOtherIds[] = {"XLMRobertaTokenizer", "CamembertTokenizer", "MBartTokenizer",       "MBart50Tokenizer",
                                          "BarthezTokenizer",    "NllbTokenizer",      "XGLMTokenizer",        "M2M100Tokenizer",
                                          "DebertaV2Tokenizer",  "PegasusTokenizer",   "XLNetTokenizer",       "BigBirdTokenizer",
                                          "SiglipTokenizer",     "RemBertTokenizer",   "SeamlessM4TTokenizer", "CohereTokenizer",
                                          "GPTSw3Tokenizer",     "AlbertTokenizer",    "PLBartTokenizer"};

const ClassDefaults& defaults_of(const std::string& name) {
  static constexpr ClassDefaults kOthers{};
  for (const ClassDefaults& each : kClasses) {
    if (each.name == name) return each;
  }
  return kOthers;
}

void apply_class(const ClassDefaults& defaults, const TokenizerConfig& config, SentencePieceModel& model, const std::string& file) {
  const bool legacy = !config.is_null("legacy") && config.flag("legacy", defaults.legacy);
  model.prefix = legacy ? defaults.with_legacy : defaults.without_legacy;
  if (!defaults.own_stages) return;
  if (model.kind == SentencePieceModel::Kind::unigram) {
    log_warning("{}: a {} is made for pairs of pieces, and this is a Unigram model; it is read as sentencepiece does", file, defaults.name);
    return;
  }
  model.character_map.clear();
  model.remove_extra_whitespaces = false;
  model.escape_whitespaces = true;
  model.whitespace_as_suffix = false;
  model.add_dummy_prefix = defaults.with_legacy != Prefix::never;
  if (!model.add_dummy_prefix || config.flag("add_prefix_space", true)) return;
  if (defaults.name == "CodeLlamaTokenizer") {
    model.prefix = Prefix::never;  // its decoder removes the space regardless
  } else {
    model.add_dummy_prefix = false;
  }
}

// T5's tokens behind the pieces: <extra_id_99> to <extra_id_0>.
std::vector<AddedToken> extra_ids(const ClassDefaults& defaults, const TokenizerConfig& config, size_t pieces, const std::string& file) {
  std::vector<AddedToken> tokens;
  if (defaults.name != "T5Tokenizer") return tokens;
  const int64_t count = config.number("extra_ids", 100);
  if (count < 0 || count > kMaxHoles) fail(ErrorCode::bad_input, "{}: extra_ids of tokenizer_config.json is {}, out of range", file, count);
  for (int64_t i = 0; i < count; ++i) {
    tokens.push_back({.id = static_cast<int32_t>(static_cast<int64_t>(pieces) + i),
                      .content = fmt::format("<extra_id_{}>", count - 1 - i),
                      .normalized = false,
                      .special = true});
  }
  return tokens;
}

}  // namespace

std::string sentencepiece_json_of(std::string_view model_file, const TokenizerConfig& config, const std::string& file) {
  return sentencepiece_json_of(parse_sentencepiece(model_file, file), config, file);
}

std::string sentencepiece_json_of(SentencePieceModel model, const TokenizerConfig& config, const std::string& file) {
  SentencePieceSurroundings around;
  if (!config.exists()) return sentencepiece_to_json(model, around, file);
  for (const std::string_view other : kOtherIds) {
    if (config.tokenizer_class() == other) {
      fail(ErrorCode::unsupported, "{}: the ids of a {} are not those of this file; use the tokenizer.json that transformers saves", file,
           other);
    }
  }
  const ClassDefaults& defaults = defaults_of(config.tokenizer_class());
  apply_class(defaults, config, model, file);
  const std::vector<AddedToken> extra = extra_ids(defaults, config, model.pieces.size(), file);
  std::unordered_map<std::string_view, int32_t> ids;
  std::string unknown;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    ids.emplace(model.pieces[id].text, static_cast<int32_t>(id));
    if (model.pieces[id].type == PieceType::unknown) unknown = model.pieces[id].text;
  }
  for (const AddedToken& token : extra) ids.emplace(token.content, token.id);
  const auto id_of = [&](const std::string& piece) {
    const auto found = ids.find(piece);
    return found == ids.end() ? -1 : found->second;
  };
  const auto wanted = [&](const char* flag, bool otherwise) {
    if (!defaults.follows_flags) return otherwise;
    return !config.is_null(flag) && config.flag(flag, otherwise);
  };
  const auto role = [&](const char* name, const char* first, const char* second) {
    return id_of(config.token(name, id_of(first) >= 0 ? first : second));
  };
  around.control_in_text = true;
  if (wanted("add_bos_token", defaults.begins)) around.before = role("bos_token", "<s>", "<bos>");
  if (wanted("add_eos_token", defaults.ends)) around.behind = role("eos_token", "</s>", "<eos>");
  std::vector<AddedToken> added = config.added_tokens({{"unk_token", unknown}}, id_of);
  for (const AddedToken& token : extra) {
    const auto same = [&](const AddedToken& other) { return other.content == token.content; };
    if (std::none_of(added.begin(), added.end(), same)) added.push_back(token);
  }
  const auto pieces = static_cast<int32_t>(model.pieces.size());
  for (AddedToken& token : added) {
    const int32_t id = id_of(token.content);
    const bool own = id >= 0 && id < pieces &&
                     (model.pieces[static_cast<size_t>(id)].type == PieceType::control ||
                      model.pieces[static_cast<size_t>(id)].type == PieceType::user_defined);
    token.normalized = false;  // searched in the raw text, since the part behind it may get its own prefix space
    if (!own) around.added.push_back(std::move(token));
  }
  return sentencepiece_to_json(model, around, file);
}

}  // namespace qkv
