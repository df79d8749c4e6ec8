#include "text/files/sentencepiece_json.h"

#include <algorithm>
#include <unordered_map>
#include <unordered_set>
#include <utility>

#include "base/error.h"
#include "formats/base64.h"
#include "formats/json.h"
#include "text/files/bpe_json.h"
#include "text/files/sentencepiece_file.h"
#include "text/files/tokenizer_text.h"
#include "text/stages/marian_stages.h"
#include "text/stages/sentencepiece_decoder.h"
#include "text/stages/sentencepiece_normalizer.h"
#include "text/token_models/sentencepiece_bpe.h"
#include "text/token_models/sentencepiece_symbols.h"
#include "text/token_models/token_splits.h"
#include "text/token_models/unigram_model.h"

namespace qkv {
namespace {

using nlohmann::json;
using nlohmann::ordered_json;
using Kind = SentencePieceModel::Kind;

constexpr std::pair<const char*, PieceType> kTypes[] = {{"unknown", PieceType::unknown},
                                                        {"control", PieceType::control},
                                                        {"user_defined", PieceType::user_defined},
                                                        {"unused", PieceType::unused},
                                                        {"byte", PieceType::byte}};
constexpr std::pair<const char*, Kind> kKinds[] = {{"unigram", Kind::unigram}, {"bpe", Kind::bpe}, {"character", Kind::character}};
using Prefix = SentencePieceModel::Prefix;
constexpr std::pair<const char*, Prefix> kPrefixes[] = {{"first", Prefix::first},
                                                        {"each", Prefix::each},
                                                        {"first_unless_space", Prefix::first_unless_space},
                                                        {"each_unless_space", Prefix::each_unless_space},
                                                        {"never", Prefix::never}};
constexpr std::pair<const char*, bool SentencePieceModel::*> kFlags[] = {
    {"byte_fallback", &SentencePieceModel::byte_fallback},
    {"add_dummy_prefix", &SentencePieceModel::add_dummy_prefix},
    {"remove_extra_whitespaces", &SentencePieceModel::remove_extra_whitespaces},
    {"escape_whitespaces", &SentencePieceModel::escape_whitespaces},
    {"whitespace_as_suffix", &SentencePieceModel::whitespace_as_suffix}};

ordered_json replace(const ordered_json& pattern, std::string_view content) {
  return {{"type", "Replace"}, {"pattern", pattern}, {"content", content}};
}

ordered_json stages_of(const SentencePieceModel& model) {
  ordered_json normalizers = ordered_json::array();
  if (!model.character_map.empty())
    normalizers.push_back({{"type", "Precompiled"}, {"precompiled_charsmap", to_base64(model.character_map)}});
  if (model.remove_extra_whitespaces) {
    normalizers.push_back({{"type", "Strip"}, {"strip_left", true}, {"strip_right", true}});
    normalizers.push_back(replace({{"Regex", " {2,}"}}, " "));
  }
  const std::string_view space = model.escape_whitespaces ? kSpaceSymbol : " ";
  if (model.add_dummy_prefix && !model.whitespace_as_suffix && model.prefix != Prefix::never)
    normalizers.push_back({{"type", "Prepend"}, {"prepend", space}});
  if (model.escape_whitespaces) normalizers.push_back(replace({{"String", " "}}, kSpaceSymbol));
  ordered_json decoders = {replace({{"String", kSpaceSymbol}}, " "), {{"type", "ByteFallback"}}, {{"type", "Fuse"}}};
  if (model.add_dummy_prefix) decoders.push_back({{"type", "Strip"}, {"content", " "}, {"start", 1}, {"stop", 0}});
  ordered_json stages;
  if (!normalizers.empty()) stages["normalizer"] = {{"type", "Sequence"}, {"normalizers", normalizers}};
  stages["decoder"] = {{"type", "Sequence"}, {"decoders", decoders}};
  return stages;
}

ordered_json exact_form(const SentencePieceModel& model, const SentencePieceSurroundings& around) {
  ordered_json exact;
  for (const auto& [name, kind] : kKinds) {
    if (kind == model.kind) exact["kind"] = name;
  }
  for (const auto& [name, flag] : kFlags) exact[name] = model.*flag;
  for (const auto& [name, prefix] : kPrefixes) {
    if (prefix == model.prefix && prefix != Prefix::first) exact["prefix"] = name;
  }
  exact["control_in_text"] = around.control_in_text;
  if (around.user_defined_in_text) exact["user_defined_in_text"] = true;
  exact["unk_surface"] = model.unk_surface;
  exact["character_map"] = to_base64(model.character_map);
  for (const auto& [name, type] : kTypes) {
    ordered_json& ids = exact[name] = ordered_json::array();
    for (size_t id = 0; id < model.pieces.size(); ++id) {
      if (model.pieces[id].type == type) ids.push_back(id);
    }
  }
  if (model.kind != Kind::unigram) {
    ordered_json& scores = exact["scores"] = ordered_json::array();
    for (const SentencePieceModel::Piece& piece : model.pieces) scores.push_back(piece.score);
  }
  return exact;
}

std::vector<AddedToken> added_tokens_of(const SentencePieceModel& model, const SentencePieceSurroundings& around) {
  std::vector<AddedToken> added;
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    const SentencePieceModel::Piece& piece = model.pieces[id];
    if (piece.type != PieceType::control && piece.type != PieceType::user_defined) continue;
    added.push_back(
        {.id = static_cast<int32_t>(id), .content = piece.text, .normalized = false, .special = piece.type == PieceType::control});
    added.back().rstrip = !around.rstrip.empty() && around.rstrip[id];
  }
  added.insert(added.end(), around.added.begin(), around.added.end());
  return added;
}

// Pairs of pieces in the order that brings `tokenizers` closest to sentencepiece.
std::vector<std::pair<int32_t, int32_t>> merges_of(const SentencePieceModel& model, const std::vector<std::string>& tokens,
                                                   const std::string& file) {
  std::vector<std::string_view> views(tokens.begin(), tokens.end());
  std::vector<bool> joined(tokens.size());
  for (size_t id = 0; id < tokens.size(); ++id) {
    joined[id] = model.pieces[id].type == PieceType::normal || model.pieces[id].type == PieceType::unused;
  }
  std::vector<TokenSplit> splits = token_splits(views, joined, joined, file);
  std::stable_sort(splits.begin(), splits.end(), [&](const TokenSplit& a, const TokenSplit& b) {
    return model.pieces[static_cast<size_t>(a.whole)].score > model.pieces[static_cast<size_t>(b.whole)].score;
  });
  std::vector<std::pair<int32_t, int32_t>> pairs;
  pairs.reserve(splits.size());
  for (const TokenSplit& split : splits) pairs.emplace_back(split.left, split.right);
  return pairs;
}

// --- reading it back

void read_scores(const JsonNode& model_node, const JsonNode& exact, SentencePieceModel& model) {
  const auto own = exact.find("pieces");
  if (own || model.kind == Kind::unigram) {
    const JsonNode vocab = own ? *own : model_node.at("vocab");
    if (!vocab.value().is_array()) vocab.fail("must be an array of pieces and their scores");
    for (size_t id = 0; id < vocab.value().size(); ++id) {
      const json& entry = vocab.value()[id];
      if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number())
        vocab.item(id).fail("must be [\"piece\", score]");
      model.pieces.push_back({entry[0].get<std::string>(), entry[1].get<float>()});
    }
    return;
  }
  const Vocabulary vocabulary = read_vocabulary(model_node.at("vocab"));
  const JsonNode scores = exact.at("scores");
  if (!scores.value().is_array() || scores.value().size() != static_cast<size_t>(vocabulary.size())) {
    scores.fail(fmt::format("must be an array of {} scores, one for each token", vocabulary.size()));
  }
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const json& score = scores.value()[static_cast<size_t>(id)];
    if (!score.is_number()) scores.item(static_cast<size_t>(id)).fail("must be a number");
    model.pieces.push_back({vocabulary.token(id), score.get<float>()});
  }
}

SentencePieceModel read_model(const JsonNode& model_node, const JsonNode& exact) {
  SentencePieceModel model;
  const std::string kind = exact.at("kind").string();
  const auto known = std::find_if(std::begin(kKinds), std::end(kKinds), [&](const auto& each) { return kind == each.first; });
  if (known == std::end(kKinds)) exact.at("kind").fail_unsupported("is \"" + shortened(kind) + "\", which qkv does not have");
  model.kind = known->second;
  for (const auto& [name, flag] : kFlags) model.*flag = exact.at(name).boolean();
  const std::string prefix = exact.string_or("prefix", "first");  // older files have no such member
  const auto place = std::find_if(std::begin(kPrefixes), std::end(kPrefixes), [&](const auto& each) { return prefix == each.first; });
  if (place == std::end(kPrefixes)) exact.at("prefix").fail_unsupported("is \"" + shortened(prefix) + "\", which qkv does not have");
  model.prefix = place->second;
  model.unk_surface = exact.at("unk_surface").string();
  const auto map = from_base64(exact.at("character_map").string());
  if (!map) exact.at("character_map").fail("is not base64");
  model.character_map = *map;
  read_scores(model_node, exact, model);
  for (const auto& [name, type] : kTypes) {
    const JsonNode ids = exact.at(name);
    for (const JsonNode& item : ids.items()) {
      const int64_t id = item.integer();
      if (id < 0 || static_cast<size_t>(id) >= model.pieces.size())
        item.fail(fmt::format("is out of range for {} pieces", model.pieces.size()));
      model.pieces[static_cast<size_t>(id)].type = type;
    }
  }
  check_sentencepiece(model, model_node.file());
  return model;
}

std::unique_ptr<TokenModel> make_unigram(const SentencePieceModel& model) {
  std::vector<UnigramPiece> pieces;
  pieces.reserve(model.pieces.size());
  UnigramOptions options;
  options.byte_fallback = model.byte_fallback;
  options.single_precision = true;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (piece.type == PieceType::unknown) options.unk_id = static_cast<int32_t>(pieces.size());
    pieces.push_back({piece.text, piece.score,
                      piece.type == PieceType::normal         ? UnigramPiece::Kind::normal
                      : piece.type == PieceType::user_defined ? UnigramPiece::Kind::user_defined
                                                              : UnigramPiece::Kind::hidden});
  }
  return std::make_unique<UnigramModel>(std::move(pieces), std::move(options));
}

}  // namespace

std::string sentencepiece_to_json(const SentencePieceModel& model, const SentencePieceSurroundings& around, const std::string& file) {
  std::vector<std::string> tokens;
  int32_t unknown = 0;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (piece.type == PieceType::unknown) unknown = static_cast<int32_t>(tokens.size());
    tokens.push_back(piece.text);
  }
  ordered_json stages = stages_of(model);
  std::vector<SpecialId> before, behind;
  if (around.before >= 0) before.push_back({tokens[static_cast<size_t>(around.before)], around.before});
  if (around.behind >= 0) behind.push_back({tokens[static_cast<size_t>(around.behind)], around.behind});
  stages["post_processor"] = make_template(before, behind);
  TokenizerText text(added_tokens_of(model, around), stages);
  if (model.kind == Kind::unigram) {
    std::vector<std::pair<std::string, double>> scored;
    for (const SentencePieceModel::Piece& piece : model.pieces) scored.emplace_back(piece.text, piece.score);
    text.model({{"type", "Unigram"}, {"unk_id", unknown}});
    text.scored_vocabulary(scored);
    text.member("byte_fallback", model.byte_fallback);
  } else {
    text.model({{"type", "BPE"},
                {"dropout", nullptr},
                {"unk_token", tokens[static_cast<size_t>(unknown)]},
                {"continuing_subword_prefix", nullptr},
                {"end_of_word_suffix", nullptr},
                {"fuse_unk", true},
                {"byte_fallback", model.byte_fallback},
                {"ignore_merges", false}});
    text.vocabulary(tokens);
    text.merges(tokens, model.kind == Kind::bpe ? merges_of(model, tokens, file) : std::vector<std::pair<int32_t, int32_t>>{});
  }
  text.member("sentencepiece", exact_form(model, around));
  return std::move(text).finish();
}

std::string marian_to_json(const SentencePieceModel& model, const std::vector<std::string>& tokens, int32_t unk_id, int32_t eos_id,
                           const std::vector<AddedToken>& added) {
  std::unordered_map<std::string_view, double> scores;
  double lowest = 0;
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    scores.emplace(piece.text, piece.score);
    lowest = std::min<double>(lowest, piece.score);
  }
  std::vector<std::pair<std::string, double>> scored;
  ordered_json vocab = ordered_json::object(), pieces = ordered_json::array(), special = ordered_json::array();
  for (size_t id = 0; id < tokens.size(); ++id) {
    const auto found = scores.find(tokens[id]);
    scored.emplace_back(tokens[id],
                        found == scores.end() ? lowest - 100 : found->second);  // not in the source language, so it hardly occurs
    if (!tokens[id].empty()) vocab[tokens[id]] = id;
  }
  for (const SentencePieceModel::Piece& piece : model.pieces) pieces.push_back({piece.text, piece.score});
  for (const AddedToken& token : added) {
    if (token.special) special.push_back(token.content);
  }
  ordered_json stages = stages_of(model);
  const SpecialId behind[] = {{tokens[static_cast<size_t>(eos_id)], eos_id}};
  stages["post_processor"] = make_template({}, behind);
  TokenizerText text(added, stages);
  text.model({{"type", "Unigram"}, {"unk_id", unk_id}});
  text.scored_vocabulary(scored);
  text.member("byte_fallback", false);
  ordered_json exact = exact_form(model, {});
  exact["pieces"] = std::move(pieces);
  exact["marian_vocab"] = std::move(vocab);
  exact["marian_unk"] = tokens[static_cast<size_t>(unk_id)];
  exact["marian_special"] = std::move(special);
  text.member("sentencepiece", exact);
  return std::move(text).finish();
}

void make_sentencepiece_parts(const JsonNode& model_node, TokenizerParts& parts) {
  const JsonNode exact = model_node.at("sentencepiece");
  const SentencePieceModel model = read_model(model_node, exact);
  parts.normalizer = make_sentencepiece_normalizer(model, exact.file());
  parts.decoder = make_sentencepiece_decoder(model, exact.at("control_in_text").boolean());
  parts.model = model.kind == Kind::unigram ? make_unigram(model) : std::make_unique<SentencePieceBpe>(model, exact.file());
  if (!exact.find("pieces")) return;
  Vocabulary vocabulary = read_vocabulary(exact.at("marian_vocab"));
  const std::string unk = exact.at("marian_unk").string();
  if (vocabulary.id(unk) < 0) exact.at("marian_unk").fail("is not in \"marian_vocab\"");
  std::vector<std::string> special;
  for (const JsonNode& token : exact.at("marian_special").items()) special.push_back(token.string());
  parts.pre_tokenizer = make_marian_pre_tokenizer(std::move(parts.normalizer));
  parts.decoder = make_marian_decoder(std::move(parts.decoder), std::move(special));
  parts.model = make_marian_model(std::move(parts.model), std::move(vocabulary), unk);
}

void leave_to_sentencepiece(const JsonNode& model_node, std::vector<AddedToken>& added) {
  const JsonNode exact = model_node.at("sentencepiece");
  if (exact.find("pieces")) return;  // its ids differ from the pieces'
  std::unordered_set<int64_t> ids;
  if (!exact.boolean_or("user_defined_in_text", false)) {
    for (const JsonNode& id : exact.at("user_defined").items()) ids.insert(id.integer());
  }
  if (!exact.at("control_in_text").boolean()) {
    for (const JsonNode& id : exact.at("control").items()) ids.insert(id.integer());
  }
  for (AddedToken& token : added) token.searched = !ids.contains(token.id);
}

}  // namespace qkv
