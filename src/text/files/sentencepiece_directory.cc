#include "text/files/sentencepiece_directory.h"

#include <unordered_map>

#include "base/error.h"
#include "text/files/sentencepiece_file.h"
#include "text/files/sentencepiece_json.h"

namespace qkv {
namespace {

using Prefix = SentencePieceModel::Prefix;

// What a class of transformers does where its configuration does not say it.
struct ClassDefaults {
  std::string_view name;
  bool begins = false, ends = false;  // with a special token
  bool legacy = true;
  Prefix with_legacy = Prefix::each, without_legacy = Prefix::first;
  bool follows_add_prefix_space = false;
};
constexpr Prefix kUnlessSpace = Prefix::each_unless_space;
constexpr ClassDefaults kClasses[] = {{"LlamaTokenizer", true, false, false, kUnlessSpace, Prefix::first, true},
                                      {"CodeLlamaTokenizer", true, false, false, Prefix::first, Prefix::first, true},
                                      {"GemmaTokenizer", true, false},
                                      {"T5Tokenizer", false, true, true, kUnlessSpace, kUnlessSpace},
                                      {"MT5Tokenizer", false, true, true, kUnlessSpace, kUnlessSpace},
                                      {"PegasusTokenizer", false, true, true, kUnlessSpace, kUnlessSpace}};
// These do not use the ids of the model file, or put other tokens around a text.
constexpr std::string_view kOtherIds[] = {"XLMRobertaTokenizer", "CamembertTokenizer", "MBartTokenizer",
                                          "MBart50Tokenizer",    "BarthezTokenizer",   "NllbTokenizer",
                                          "XGLMTokenizer",       "M2M100Tokenizer",    "DebertaV2Tokenizer"};

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
  ClassDefaults defaults{};
  for (const ClassDefaults& each : kClasses) {
    if (each.name == config.tokenizer_class()) defaults = each;
  }
  model.prefix = config.flag("legacy", defaults.legacy) ? defaults.with_legacy : defaults.without_legacy;
  if (defaults.follows_add_prefix_space) model.add_dummy_prefix = config.flag("add_prefix_space", model.add_dummy_prefix);
  std::unordered_map<std::string_view, int32_t> ids;
  std::string unknown;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    ids.emplace(model.pieces[id].text, static_cast<int32_t>(id));
    if (model.pieces[id].type == PieceType::unknown) unknown = model.pieces[id].text;
  }
  const auto id_of = [&](const std::string& piece) {
    const auto found = ids.find(piece);
    return found == ids.end() ? -1 : found->second;
  };
  around.control_in_text = true;
  if (config.flag("add_bos_token", defaults.begins)) around.before = id_of(config.token("bos_token", "<s>"));
  if (config.flag("add_eos_token", defaults.ends)) around.behind = id_of(config.token("eos_token", "</s>"));
  for (AddedToken& token : config.added_tokens({{"unk_token", unknown}}, id_of)) {
    const int32_t id = id_of(token.content);
    const bool own = id >= 0 && (model.pieces[static_cast<size_t>(id)].type == PieceType::control ||
                                 model.pieces[static_cast<size_t>(id)].type == PieceType::user_defined);
    token.normalized = false;  // looked for in the text as it came: the part behind it may get a space of its own
    if (!own) around.added.push_back(std::move(token));
  }
  return sentencepiece_to_json(model, around, file);
}

}  // namespace qkv
