#include "text/unigram_model.h"

#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "text/byte_fallback.h"
#include "text/unigram_output.h"

namespace qkv {
namespace {

using Kind = UnigramPiece::Kind;

constexpr double kUnkPenalty = 10;
constexpr size_t kKeptNodes = size_t{1} << 16;  // a larger table is not kept for the next text

// Better than any pieces with logarithms of probabilities as their scores, the more so the longer it is.
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

// The end of a piece, and the best way to it.
template <typename Score>
struct Node {
  static constexpr int32_t kUnreached = -1;
  Score score = 0;
  int32_t id = kUnreached;  // of the last piece
  uint32_t length = 0;      // of the last piece, in bytes; once the way is chosen, of the piece that begins here
};

}  // namespace

UnigramModel::UnigramModel(std::vector<UnigramPiece> pieces, UnigramOptions options)
    : vocabulary_(vocabulary_of(pieces)), options_(options), trie_(trie_of(pieces)), unk_id_(options.unk_id.value_or(kMissing)) {
  QKV_CHECK(!options.unk_id || (*options.unk_id >= 0 && static_cast<size_t>(*options.unk_id) < pieces.size()),
            "unk_id {} is out of range for {} pieces", *options.unk_id, pieces.size());
  double lowest = INFINITY;
  for (const UnigramPiece& piece : pieces) {
    QKV_CHECK(std::isfinite(piece.score) && std::abs(piece.score) <= kMaxUnigramScore, "the score {} of the piece \"{}\" is out of range",
              piece.score, piece.token);
    if (piece.kind == Kind::normal) lowest = std::min(lowest, piece.score);
    scores_.push_back(piece.kind == Kind::user_defined ? user_defined_score(piece.token) : piece.score);
  }
  unk_score_ = (std::isfinite(lowest) ? lowest : 0) - kUnkPenalty;
  if (options.single_precision) unk_score_ = static_cast<float>(unk_score_);
  for (size_t byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.id(byte_token(static_cast<unsigned char>(byte)));
}

void UnigramModel::tokenize(std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans) const {
  if (text.empty()) return;
  const bool cached = !spans && text.size() <= WordCache::kMaxWord;
  if (cached && cache_.find(text, ids)) return;
  const size_t before = ids.size();
  Output output(*this, text, ids, spans);
  options_.single_precision ? search<float>(text, output) : search<double>(text, output);
  output.finish();
  if (cached) cache_.keep(text, std::span(ids).subspan(before));
}

// Viterbi's algorithm, forward. nodes[i] is the place first + i: all ways lead through `first`, and what comes before it is written.
template <typename Score>
void UnigramModel::search(std::string_view text, Output& output) const {
  static thread_local std::vector<Node<Score>> nodes;
  size_t first = 0;
  size_t reach = 0;  // the furthest end of a piece that begins before `place`
  size_t place = 0;
  nodes.assign(1, {});
  // The best way from `first` to `place`: turned round from the end, then written from the beginning.
  const auto write = [&] {
    uint32_t length = nodes[place - first].length;
    for (size_t end = place; end > first;) {
      end -= length;
      std::swap(length, nodes[end - first].length);
    }
    for (size_t begin = first; begin < place;) {
      const size_t end = begin + nodes[begin - first].length;
      output.push(nodes[end - first].id, begin, end);
      begin = end;
    }
  };
  while (place < text.size()) {
    if (reach == place && place > first) {
      write();
      const Score score = nodes[place - first].score;
      std::fill_n(nodes.begin(), place - first + 1, Node<Score>());
      nodes[0].score = score;
      first = place;
    }
    const size_t needed = std::min(text.size(), place + std::max<size_t>(trie_.longest(), 4)) - first + 1;
    if (nodes.capacity() < needed) nodes.reserve(std::min(2 * needed, text.size() - first + 1));
    if (nodes.size() < needed) nodes.resize(needed);
    const double so_far = nodes[place - first].score;
    for_each_piece(text, place, [&](int32_t id, size_t length, double score) {
      Node<Score>& node = nodes[place + length - first];
      reach = std::max(reach, place + length);
      const auto longer = static_cast<Score>(so_far + score);
      if (node.id != Node<Score>::kUnreached && !(longer > node.score)) return;
      if (id == kMissing) fail_without_unk();
      node = {longer, id, static_cast<uint32_t>(length)};
    });
    place += std::min(utf8_length(text[place]), text.size() - place);
  }
  write();
  if (nodes.capacity() > kKeptNodes) nodes = {};
}

void UnigramModel::Output::write_unknown() {
  const Span span = unknown_;
  unknown_ = {};
  const std::string_view unknown = text_.substr(span.begin, span.end - span.begin);
  if (const int32_t id = model_.trie_.find(unknown); id >= 0) return write(id, span);  // a piece that its parts beat
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
