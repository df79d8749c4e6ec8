#include "text/files/token_models_json.h"

#include <cmath>
#include <utility>

#include "base/error.h"
#include "base/utf8.h"
#include "formats/json.h"
#include "text/files/bpe_json.h"
#include "text/token_models/unigram_model.h"
#include "text/token_models/word_level_model.h"
#include "text/token_models/word_piece_model.h"

namespace qkv {
namespace {

using nlohmann::json;

// The beginning of a token, for messages.
std::string excerpt(std::string_view token) {
  constexpr size_t kShown = 40;
  return token.size() <= kShown ? fmt::format("\"{}\"", token)
                                : fmt::format("\"{}\"…", token.substr(0, valid_utf8_prefix(token.substr(0, kShown))));
}

[[noreturn]] void fail_too_long(const JsonNode& node, std::string_view token) {
  node.fail(fmt::format("has the token {} of {} bytes; at most {} are possible, the file is damaged", excerpt(token), token.size(),
                        ByteTrie::kMaxKey));
}

void check_count(const JsonNode& node, size_t ids) {
  if (ids > static_cast<size_t>(ByteTrie::kMaxValue) + 1)
    node.fail(fmt::format("has {} ids; at most {} are possible", ids, ByteTrie::kMaxValue + 1));
}

std::vector<UnigramPiece> read_pieces(const JsonNode& vocab) {
  if (!vocab.value().is_array()) vocab.fail("must be an array of [token, score]");
  const auto& entries = vocab.value().get_ref<const json::array_t&>();
  check_count(vocab, entries.size());
  std::vector<UnigramPiece> pieces;
  pieces.reserve(entries.size());
  for (size_t id = 0; id < entries.size(); ++id) {
    const json& entry = entries[id];
    if (!entry.is_array() || entry.size() != 2 || !entry[0].is_string() || !entry[1].is_number()) {
      vocab.item(id).fail("must be a token and its score, [\"a\", -1.5]");
    }
    const std::string& token = entry[0].get_ref<const std::string&>();
    const double score = entry[1].get<double>();
    if (token.size() > ByteTrie::kMaxKey) fail_too_long(vocab.item(id), token);
    if (!std::isfinite(score) || std::abs(score) > kMaxUnigramScore) {
      vocab.item(id).fail(
          fmt::format("gives {} the score {}, which is out of range; scores are logarithms of probabilities", excerpt(token), score));
    }
    pieces.push_back({token, score});
  }
  return pieces;
}

}  // namespace

std::unique_ptr<TokenModel> make_word_piece(const JsonNode& node) {
  WordPieceOptions options;
  options.unk_token = node.at("unk_token").string();
  options.continuing_subword_prefix = node.at("continuing_subword_prefix").string();
  const JsonNode limit = node.at("max_input_chars_per_word");
  if (limit.integer() < 0) limit.fail("must not be negative");
  options.max_input_chars_per_word = static_cast<uint64_t>(limit.integer());
  const JsonNode vocab = node.at("vocab");
  Vocabulary vocabulary = read_vocabulary(vocab);
  check_count(vocab, static_cast<size_t>(vocabulary.size()));
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    if (vocabulary.token(id).size() > ByteTrie::kMaxKey) fail_too_long(vocab, vocabulary.token(id));
  }
  return std::make_unique<WordPieceModel>(std::move(vocabulary), std::move(options));
}

std::unique_ptr<TokenModel> make_word_level(const JsonNode& node) {
  std::string unk_token = node.at("unk_token").string();
  return std::make_unique<WordLevelModel>(read_vocabulary(node.at("vocab")), std::move(unk_token));
}

std::unique_ptr<TokenModel> make_unigram(const JsonNode& node) {
  const JsonNode vocab = node.at("vocab");
  std::vector<UnigramPiece> pieces = read_pieces(vocab);
  UnigramOptions options;
  if (const auto unk_id = node.find("unk_id")) {
    const int64_t id = unk_id->integer();
    if (id < 0 || id >= static_cast<int64_t>(pieces.size()))
      unk_id->fail(fmt::format("is {}, but the vocabulary has {} tokens", id, pieces.size()));
    options.unk_id = static_cast<int32_t>(id);
  }
  options.byte_fallback = node.boolean_or("byte_fallback", false);
  auto model = std::make_unique<UnigramModel>(std::move(pieces), options);
  const Vocabulary& vocabulary = model->vocabulary();
  for (int32_t id = 0; id < vocabulary.size(); ++id) {
    const std::string& token = vocabulary.token(id);
    if (!token.empty() && vocabulary.id(token) != id)
      vocab.item(static_cast<size_t>(id)).fail(fmt::format("has the token {} a second time", excerpt(token)));
  }
  return model;
}

std::string type_by_fields(const JsonNode& node) {
  if (node.find("merges")) return "BPE";
  if (node.find("continuing_subword_prefix")) return "WordPiece";
  if (node.find("unk_token")) return "WordLevel";
  const auto vocab = node.find("vocab");
  return vocab && vocab->value().is_array() ? "Unigram" : "";
}

}  // namespace qkv
