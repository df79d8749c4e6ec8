#include "text/token_models/unigram_model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/token_models/byte_fallback.h"
#include "text/token_models/unigram_output.h"

namespace qkv {
namespace {

using Kind = UnigramPiece::Kind;

constexpr double kUnkPenalty = 10;

// Exceeds any sum of logarithms of probabilities, and grows with the token's length.
double user_defined_score(const std::string& token) {
  return token.empty() ? 0 : static_cast<float>(0.1 * static_cast<double>(token.size() - 1));
}

Vocabulary vocabulary_of(const std::vector<UnigramPiece>& pieces) {
  std::vector<std::string> tokens;
  tokens.reserve(pieces.size());
  for (const UnigramPiece& piece : pieces) tokens.push_back(piece.token);
  return Vocabulary(std::move(tokens));
}

ByteTrie trie_of(const std::vector<UnigramPiece>& pieces) {
  std::vector<ByteTrie::Entry> entries;
  entries.reserve(pieces.size());
  for (size_t id = 0; id < pieces.size(); ++id) {
    if (!pieces[id].token.empty() && pieces[id].kind != Kind::hidden) entries.push_back({pieces[id].token, static_cast<int32_t>(id)});
  }
  return ByteTrie(std::move(entries));
}

}  // namespace

UnigramModel::UnigramModel(std::vector<UnigramPiece> pieces, UnigramOptions options)
    : vocabulary_(vocabulary_of(pieces)), options_(options), trie_(trie_of(pieces)), unk_id_(options.unk_id.value_or(kMissing)) {
  QKV_REQUIRE(!options.unk_id || (*options.unk_id >= 0 && static_cast<size_t>(*options.unk_id) < pieces.size()),
              "unk_id {} is out of range for {} pieces", *options.unk_id, pieces.size());
  double lowest = INFINITY;
  for (const UnigramPiece& piece : pieces) {
    QKV_REQUIRE(std::isfinite(piece.score) && std::abs(piece.score) <= kMaxUnigramScore, "the score {} of the piece \"{}\" is out of range",
                piece.score, shortened(piece.token));
    if (piece.kind == Kind::normal) lowest = std::min(lowest, piece.score);
    scores_.push_back(piece.kind == Kind::user_defined ? user_defined_score(piece.token) : piece.score);
  }
  unk_score_ = (std::isfinite(lowest) ? lowest : 0) - kUnkPenalty;
  if (options.single_precision) unk_score_ = static_cast<float>(unk_score_);
  for (size_t byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.id(byte_token(static_cast<unsigned char>(byte)));
  cut_at_spaces_ = options.single_precision && can_cut_at_spaces(pieces);
}

void UnigramModel::tokenize(std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const {
  if (text.empty()) return;
  if (cut_at_spaces_ && !spans) return tokenize_words(text, ids);
  const bool cached = !spans && text.size() <= WordCache::kMaxWord;
  if (cached && cache_.find(text, ids)) return;
  const size_t before = ids.size();
  Output output(*this, text, ids, spans);
  if (options_.single_precision) {
    search<float>(text, 0, output);
  } else {
    search<double>(text, 0, output);
  }
  output.finish();
  if (cached) cache_.keep(text, std::span(ids).subspan(before));
}

void UnigramModel::tokenize_as_text(std::string_view text, const std::vector<bool>& special, std::vector<int32_t>& ids,
                                    std::vector<Span>* spans) const {
  const size_t ids_before = ids.size(), spans_before = spans ? spans->size() : 0;
  tokenize(text, ids, spans);
  if (!gives_special(*this, text, std::span(ids).subspan(ids_before), special)) return;
  ids.resize(ids_before);
  if (spans) spans->resize(spans_before);
  Output output(*this, text, ids, spans, &special);
  if (options_.single_precision) {
    search<float>(text, 0, output);
  } else {
    search<double>(text, 0, output);
  }
  output.finish();
}

void UnigramModel::Output::write_unknown() {
  const Span span = unknown_;
  unknown_ = {};
  const std::string_view unknown = text_.substr(span.begin, span.end - span.begin);
  if (const int32_t id = model_.trie_.find(unknown); id >= 0 && !(hidden_ && (*hidden_)[static_cast<size_t>(id)]))
    return write(id, span);  // the token itself is a piece, but splitting it scores higher
  const auto byte_id = [&](char c) { return model_.byte_ids_[static_cast<unsigned char>(c)]; };
  if (model_.options_.byte_fallback && std::all_of(unknown.begin(), unknown.end(), [&](char c) { return byte_id(c) >= 0; })) {
    for (const char c : unknown) write(byte_id(c), span);
  } else {
    write(model_.unk_id_, span);
  }
}

void fail_without_unk() {
  fail(ErrorCode::bad_input, "the text has a character outside of the tokenizer's vocabulary, and the tokenizer has no unk_id");
}

}  // namespace qkv
