// The stages between a text and its ids, as tokenizer.json names them:
//
//   text -> added tokens cut out -> Normalizer -> PreTokenizer -> Model (word by word) -> PostProcessor -> ids
//   ids -> tokens -> Decoder -> text
//
// A stage is an immutable object; its const functions may be called from any number of threads at once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/utf8.h"
#include "qkv/tokenizer.h"

namespace qkv {

using Span = ByteRange;

// For each byte of a text, the bytes of the input that it stands for: whole characters, ascending. Only there where offsets are wanted
// (16 bytes for each byte of the text); what rewrites a text keeps it right with a Rewriter.
using Origin = std::optional<std::vector<Span>>;

// A text on its way through the normalizers: valid UTF-8.
struct NormalizedText {
  // What begins at a place of the input.
  explicit NormalizedText(std::string_view whole, size_t begin = 0)
      : text(whole), first_bytes(begin > 0 || whole.empty() ? 0 : utf8_length(whole[0])), input_begin(begin) {}

  std::string text;
  size_t first_bytes;  // how many bytes at its front come from the input's first character
  size_t input_begin;  // what is inserted before all of it comes from there
  Origin origin;
};

// May a text be cut before each space that follows a character which is no white space, so that what the parts become, put together, is
// what the whole becomes?
enum class Separable : uint8_t {
  never,
  where_spaces_vanish,  // if the next stage takes white space away: there may be more or less of it
  always,
};

// Changes a text before it is cut.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void normalize(NormalizedText& text) const = 0;
  virtual Separable separable() const { return Separable::never; }
};

// A text and the pieces it is cut into: ascending, not empty, not overlapping ranges of `text`.
struct PieceList {
  struct Piece {
    size_t begin, end;  // bytes
  };
  std::string text;
  std::vector<Piece> pieces;
  size_t first_bytes = 0;  // as in NormalizedText
  Origin origin;           // of the text

  PieceList() = default;
  explicit PieceList(NormalizedText&& whole)  // as one piece
      : text(std::move(whole.text)), first_bytes(whole.first_bytes), origin(std::move(whole.origin)) {
    if (!text.empty()) pieces.push_back({0, text.size()});
  }
  // Does a piece begin where the whole input begins?
  bool starts_input(const Piece& piece) const { return piece.begin < first_bytes; }
  std::string_view view(const Piece& piece) const { return std::string_view(text).substr(piece.begin, piece.end - piece.begin); }
};

// Where a pre-tokenizer cuts in any case, whatever comes before and after: the parts may be encoded one by one.
enum class WordCuts : uint8_t {
  none,           // not known
  spaces,         // before each space that follows a character which is no white space
  spaces_vanish,  // there, too, and it takes white space away
  gpt2,           // between the matches of GPT-2's pattern (gpt2_scanner.h)
};

// Cuts pieces into smaller ones; it may rewrite the text, too.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(PieceList& list) const = 0;
  virtual WordCuts word_cuts() const { return WordCuts::none; }
  virtual bool looks_at_place() const { return false; }  // does it matter whether a piece begins where the whole input begins?
};

class RandomStream;
class Vocabulary;

// Turns one piece into ids, and where `spans` is not null, tells which bytes of the piece each id is for.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual void tokenize(std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const = 0;  // appends to both
  // The same with a segmentation by chance, where the model has such; the same seed gives the same one. Throws invalid_argument for values
  // out of range.
  virtual void sample(std::string_view word, const SubwordSampling& /*how*/, RandomStream& /*random*/, std::vector<int32_t>& ids,
                      std::vector<Span>* spans) const {
    tokenize(word, ids, spans);
  }
  // The same where a word that spells out a special token is ordinary text: none of the tokens in `special` (by id) is given, the unknown
  // token for what is unknown excepted. Models whose tokens may spell one have their own way; this one parts such a word behind its first
  // character.
  virtual void tokenize_as_text(std::string_view word, const std::vector<bool>& special, std::vector<int32_t>& ids,
                                std::vector<Span>* spans) const;
  virtual const Vocabulary& vocabulary() const = 0;
  virtual int32_t unknown_id() const { return -1; }  // of the token for what is not in the vocabulary; -1: there is none
};

// Has the model given a special token to this word? The unknown token counts where the word spells it.
bool gives_special(const TokenModel& model, std::string_view word, std::span<const int32_t> ids, const std::vector<bool>& special);

// A token of an Encoding in the making.
struct EncodedToken {
  int32_t id = 0;
  Span offsets;
  int32_t type_id = 0;
  int32_t sequence = -1;                             // which text it is of; -1: none, the post-processor put it there
  uint32_t leading_spaces = 0, trailing_spaces = 0;  // white space characters at the ends of the token itself
};

// What a text, a part of a template, or a pair of texts became; `overflowing` as in Encoding.
struct EncodedText {
  std::vector<EncodedToken> tokens;
  std::vector<std::vector<EncodedToken>> overflowing;
};

// Puts special tokens around the ids of a text or a pair of texts.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual void process(std::vector<int32_t>& ids) const = 0;  // of a single text: adds the special tokens
  // The same for what is more than ids: `parts` are one or two texts, and become what is joined in the end. `inputs` are the texts that
  // the offsets are of. Without add_special_tokens only offsets, type ids and the order change.
  virtual void process(std::vector<EncodedText>& parts, std::span<const std::string_view> inputs, bool add_special_tokens) const = 0;
  virtual size_t added_tokens(bool pair) const = 0;  // how many special tokens that makes
};

// Turns tokens back into text, stage by stage: after the last stage the strings are joined without anything between them.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void decode(std::vector<std::string>& tokens) const = 0;
};

}  // namespace qkv
