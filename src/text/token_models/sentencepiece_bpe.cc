#include "text/token_models/sentencepiece_bpe.h"

#include <algorithm>
#include <map>
#include <queue>
#include <unordered_map>
#include <unordered_set>

#include "base/error.h"
#include "base/utf8.h"
#include "text/token_models/byte_fallback.h"
#include "text/token_models/sentencepiece_symbols.h"
#include "text/token_models/token_splits.h"

namespace qkv {
namespace {

bool can_be_joined(PieceType type) { return type == PieceType::normal || type == PieceType::unused; }

bool is_one_character(std::string_view text) { return utf8_length(text[0]) == text.size(); }

std::vector<std::string> texts_of(const SentencePieceModel& model) {
  std::vector<std::string> texts;
  for (const SentencePieceModel::Piece& piece : model.pieces) texts.push_back(piece.text);
  return texts;
}

// The pieces, followed by characters of pieces that are no pieces themselves.
std::vector<std::string> symbols_of(const SentencePieceModel& model) {
  std::vector<std::string> symbols = texts_of(model);
  std::unordered_set<std::string_view> known;
  for (const SentencePieceModel::Piece& piece : model.pieces) known.insert(piece.text);
  for (const SentencePieceModel::Piece& piece : model.pieces) {
    if (!can_be_joined(piece.type)) continue;
    for (size_t i = 0; i < piece.text.size();) {
      const std::string_view character = std::string_view(piece.text).substr(i, utf8_length(piece.text[i]));
      if (known.insert(character).second) symbols.emplace_back(character);
      i += character.size();
    }
  }
  return symbols;
}

struct RankedMerges {
  std::vector<BpeMerge> merges;
  std::vector<uint32_t> ranks;
};
RankedMerges merges_of(const SentencePieceModel& model, const Vocabulary& symbols, const std::string& file) {
  const auto count = static_cast<size_t>(symbols.size());
  std::vector<std::string_view> tokens(count);
  std::vector<bool> parts(count), wholes(count);
  std::map<float, uint32_t, std::greater<>> ranks;
  for (size_t id = 0; id < count; ++id) {
    tokens[id] = symbols.token(static_cast<int32_t>(id));
    const bool piece = id < model.pieces.size();
    const bool joined = piece && can_be_joined(model.pieces[id].type);
    parts[id] = joined || is_one_character(tokens[id]);
    wholes[id] = joined;
    if (joined) ranks.emplace(model.pieces[id].score, 0);
  }
  uint32_t next = 0;
  for (auto& [score, rank] : ranks) rank = next++;
  RankedMerges result;
  for (const auto& [left, right, whole] : token_splits(tokens, parts, wholes, file)) {
    result.merges.push_back({{left, right}, whole});
    result.ranks.push_back(ranks.at(model.pieces[static_cast<size_t>(whole)].score));
  }
  return result;
}

// True if every piece that can result from merging has its space symbols at its beginning.
bool spaces_only_begin(const SentencePieceModel& model) {
  return std::all_of(model.pieces.begin(), model.pieces.end(), [](const SentencePieceModel::Piece& piece) {
    std::string_view rest = piece.text;
    while (rest.starts_with(kSpaceSymbol)) rest.remove_prefix(kSpaceSymbol.size());
    return !can_be_joined(piece.type) || rest.find(kSpaceSymbol) == std::string_view::npos;
  });
}

}  // namespace

// Takes ids from the beginning of the text to its end; merges unknown characters in a row into one unknown piece, or splits them into
// bytes.
class SentencePieceBpe::Output {
 public:
  Output(const SentencePieceBpe& model, std::string_view text, std::vector<int32_t>& ids, std::vector<Span>* spans)
      : model_(model), text_(text), ids_(ids), spans_(spans) {}

  bool wants_spans() const { return spans_ != nullptr; }
  void push(int32_t id, Span span) {
    if (id == model_.unknown_) return push_unknown(span);
    add(id, span);
    after_unknown_ = false;
  }
  void push_unknown(Span span) {
    if (model_.byte_fallback_) {
      for (const char c : text_.substr(span.begin, span.end - span.begin)) add(model_.byte_ids_[static_cast<unsigned char>(c)], span);
    } else if (!after_unknown_) {
      add(model_.unknown_, span);
      after_unknown_ = true;
    } else if (spans_) {
      spans_->back().end = span.end;
    }
  }
  // Appends the ids of a word whose unknown characters have been handled.
  void push_word(std::span<const int32_t> word, std::span<const Span> spans, size_t begin) {
    for (size_t i = 0; i < word.size(); ++i) {
      const Span span = spans_ ? Span{begin + spans[i].begin, begin + spans[i].end} : Span{};
      if (after_unknown_ && word[i] == model_.unknown_) {
        if (spans_) spans_->back().end = span.end;
        continue;
      }
      add(word[i], span);
      after_unknown_ = word[i] == model_.unknown_;
    }
  }

 private:
  void add(int32_t id, Span span) {
    ids_.push_back(id);
    if (spans_) spans_->push_back(span);
  }

  const SentencePieceBpe& model_;
  std::string_view text_;
  std::vector<int32_t>& ids_;
  std::vector<Span>* spans_;
  bool after_unknown_ = false;
};

SentencePieceBpe::SentencePieceBpe(const SentencePieceModel& model, const std::string& file)
    : vocabulary_(texts_of(model)),
      user_defined_(user_defined_pieces(model)),
      byte_fallback_(model.byte_fallback),
      cut_at_spaces_(spaces_only_begin(model)),
      symbols_(symbols_of(model)) {
  unused_.resize(model.pieces.size());
  for (size_t id = 0; id < model.pieces.size(); ++id) {
    if (model.pieces[id].type == PieceType::unknown) unknown_ = static_cast<int32_t>(id);
    unused_[id] = model.pieces[id].type == PieceType::unused;
    has_unused_ = has_unused_ || unused_[id];
  }
  has_unused_ = has_unused_ || symbols_.size() > vocabulary_.size();
  for (size_t byte = 0; byte < 256; ++byte) byte_ids_[byte] = vocabulary_.id(byte_token(static_cast<unsigned char>(byte)));
  RankedMerges ranked;
  if (model.kind == SentencePieceModel::Kind::bpe) ranked = merges_of(model, symbols_, file);
  const auto& [merges, ranks] = ranked;
  if (has_unused_) {
    for (size_t i = 0; i < merges.size(); ++i) joined_[merges[i].pair] = {ranks[i], merges[i].result};
    return;
  }
  BpeOptions options;
  options.unk_token = model.pieces[static_cast<size_t>(unknown_)].text;
  options.fuse_unk = true;
  options.byte_fallback = byte_fallback_;
  bpe_ = std::make_unique<BpeModel>(Vocabulary(texts_of(model)), merges, std::move(options), ranks);
}

void SentencePieceBpe::tokenize_with(const Sampling* sampling, std::string_view text, std::vector<int32_t>& ids,
                                     std::vector<Span>* spans) const {
  Output output(*this, text, ids, spans);
  if (user_defined_.longest() == 0) return tokenize_section(sampling, text, 0, text.size(), output);
  size_t begin = 0;
  for (size_t i = 0; i < text.size();) {
    int32_t id = -1;
    const size_t length = longest_match(user_defined_, text, i, &id);
    if (length == 0) {
      i += utf8_length(text[i]);
      continue;
    }
    tokenize_section(sampling, text, begin, i, output);
    output.push(id, {i, i + length});
    begin = i += length;
  }
  tokenize_section(sampling, text, begin, text.size(), output);
}

void SentencePieceBpe::tokenize_section(const Sampling* sampling, std::string_view text, size_t begin, size_t end, Output& output) const {
  if (has_unused_) return tokenize_with_unused(text, begin, end, output);
  std::vector<int32_t> ids;
  std::vector<Span> spans;
  while (begin < end) {
    size_t word_end = begin;
    if (cut_at_spaces_) {
      while (text.substr(word_end, end - word_end).starts_with(kSpaceSymbol)) word_end += kSpaceSymbol.size();
      word_end = std::min(end, text.find(kSpaceSymbol, word_end));
    } else {
      word_end = end;
    }
    ids.clear();
    spans.clear();
    const std::string_view word = text.substr(begin, word_end - begin);
    std::vector<Span>* const wanted = output.wants_spans() ? &spans : nullptr;
    sampling ? bpe_->sample(word, sampling->how, sampling->random, ids, wanted) : bpe_->tokenize(word, ids, wanted);
    output.push_word(ids, spans, begin);
    begin = word_end;
  }
}

// Merging in the presence of unused pieces, and its reversal: an unused piece in the result is split into the two pieces that were last
// seen to make it.
void SentencePieceBpe::tokenize_with_unused(std::string_view text, size_t begin, size_t end, Output& output) const {
  struct Symbol {
    int32_t id;  // in symbols_; -1: a character that is in no piece
    Span span;
    int64_t previous, next;  // -1: none
  };
  struct Pair {
    uint32_t rank;
    int64_t left, right;
    int32_t left_id, right_id;
    bool operator>(const Pair& other) const { return rank != other.rank ? rank > other.rank : left > other.left; }
  };
  std::vector<Symbol> symbols;
  for (size_t i = begin; i < end;) {
    const size_t length = utf8_length(text[i]);
    const auto place = static_cast<int64_t>(symbols.size());
    symbols.push_back({symbols_.id(text.substr(i, length)), {i, i + length}, place - 1, i + length < end ? place + 1 : -1});
    i += length;
  }
  std::priority_queue<Pair, std::vector<Pair>, std::greater<>> pairs;
  std::unordered_map<int32_t, TokenPair> made_of;  // by unused piece
  const auto look_at = [&](int64_t left, int64_t right) {
    if (left < 0 || right < 0) return;
    const TokenPair pair{symbols[static_cast<size_t>(left)].id, symbols[static_cast<size_t>(right)].id};
    const Joined* joined = pair.left < 0 || pair.right < 0 ? nullptr : joined_.find(pair);
    if (!joined) return;
    pairs.push({joined->rank, left, right, pair.left, pair.right});
    if (unused_[static_cast<size_t>(joined->result)]) made_of[joined->result] = pair;
  };
  for (size_t i = 1; i < symbols.size(); ++i) look_at(static_cast<int64_t>(i) - 1, static_cast<int64_t>(i));
  constexpr int32_t kGone = -2;
  while (!pairs.empty()) {
    const Pair pair = pairs.top();
    pairs.pop();
    Symbol& left = symbols[static_cast<size_t>(pair.left)];
    Symbol& right = symbols[static_cast<size_t>(pair.right)];
    if (left.id != pair.left_id || right.id != pair.right_id || left.next != pair.right) continue;
    left.id = joined_.find({pair.left_id, pair.right_id})->result;
    left.span.end = right.span.end;
    left.next = right.next;
    if (right.next >= 0) symbols[static_cast<size_t>(right.next)].previous = pair.left;
    right.id = kGone;
    look_at(left.previous, pair.left);
    look_at(pair.left, left.next);
  }
  std::vector<std::pair<int32_t, size_t>> open;  // pieces still to be written with their places, the next one last
  for (const Symbol& symbol : symbols) {
    if (symbol.id == kGone) continue;
    if (symbol.id < 0) {
      output.push_unknown(symbol.span);
      continue;
    }
    open.assign(1, {symbol.id, symbol.span.begin});
    while (!open.empty()) {
      const auto [id, at] = open.back();
      open.pop_back();
      const Span span{at, at + symbols_.token(id).size()};
      if (id >= vocabulary_.size()) {
        output.push_unknown(span);
        continue;
      }
      const auto parts = unused_[static_cast<size_t>(id)] ? made_of.find(id) : made_of.end();
      if (parts == made_of.end()) {
        output.push(id, span);
      } else {
        open.push_back({parts->second.right, at + symbols_.token(parts->second.left).size()});
        open.push_back({parts->second.left, at});
      }
    }
  }
}

}  // namespace qkv
