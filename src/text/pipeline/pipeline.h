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

// For each byte of a text, the range of input bytes that it stands for: whole characters, ascending. Only present if offsets are wanted (16
// bytes for each byte of the text); code that rewrites a text maintains it with a Rewriter.
using Origin = std::optional<std::vector<Span>>;

// A text while it is normalized: valid UTF-8.
struct NormalizedText {
  // The part of the input from a place on.
  explicit NormalizedText(std::string_view whole, size_t begin = 0)
      : text(whole), first_bytes(begin > 0 || whole.empty() ? 0 : utf8_length(whole[0])), input_begin(begin) {}

  std::string text;
  size_t first_bytes;  // number of leading bytes that come from the input's first character
  size_t input_begin;  // inserts before everything are attributed to this place
  Origin origin;
};

// Whether a text may be cut before each space that follows a character other than white space, such that the parts, processed separately
// and joined, give the same as the whole.
enum class Separable : uint8_t {
  never,
  where_spaces_vanish,  // only if the next stage removes white space: the amount of it may differ
  always,
};

// Changes a text before it is split into pieces.
class Normalizer {
 public:
  virtual ~Normalizer() = default;
  virtual void normalize(NormalizedText& text) const = 0;
  virtual Separable separable() const { return Separable::never; }
};

// A text and its pieces: ascending, non-empty, non-overlapping ranges of `text`.
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
  // True if a piece begins where the whole input begins.
  bool starts_input(const Piece& piece) const { return piece.begin < first_bytes; }
  std::string_view view(const Piece& piece) const { return std::string_view(text).substr(piece.begin, piece.end - piece.begin); }
};

// Places at which a pre-tokenizer always splits, whatever comes before and after: the parts may be encoded separately.
enum class WordCuts : uint8_t {
  none,           // unknown
  spaces,         // before each space that follows a character other than white space
  spaces_vanish,  // as `spaces`, and the white space is removed
  gpt2,           // between the matches of GPT-2's pattern (gpt2_scanner.h)
};

// Splits pieces into smaller ones; it may also rewrite the text.
class PreTokenizer {
 public:
  virtual ~PreTokenizer() = default;
  virtual void apply(PieceList& list) const = 0;
  virtual WordCuts word_cuts() const { return WordCuts::none; }
  virtual bool looks_at_place() const { return false; }  // whether it matters that a piece begins where the whole input begins
};

class RandomStream;
class Vocabulary;

// Turns one piece into ids. If `spans` is not null, it receives the bytes of the piece for each id.
class TokenModel {
 public:
  virtual ~TokenModel() = default;
  virtual void tokenize(std::string_view word, std::vector<int32_t>& ids, std::vector<Span>* spans) const = 0;  // appends to both
  // A random segmentation, if the model supports it; the same seed gives the same one. Throws invalid_argument for values out of range.
  virtual void sample(std::string_view word, const SubwordSampling& /*how*/, RandomStream& /*random*/, std::vector<int32_t>& ids,
                      std::vector<Span>* spans) const {
    tokenize(word, ids, spans);
  }
  // Treats a word that spells a special token as ordinary text: no token in `special` (by id) is produced, except the unknown token for
  // unknown text. Models whose tokens may spell a special one override this; by default such a word is split after its first character.
  virtual void tokenize_as_text(std::string_view word, const std::vector<bool>& special, std::vector<int32_t>& ids,
                                std::vector<Span>* spans) const;
  virtual const Vocabulary& vocabulary() const = 0;
  virtual int32_t unknown_id() const { return -1; }  // the token for text outside the vocabulary; -1: none
};

// True if the model produced a special token for this word. The unknown token counts if the word spells it.
bool gives_special(const TokenModel& model, std::string_view word, std::span<const int32_t> ids, const std::vector<bool>& special);

// A token of an Encoding under construction.
struct EncodedToken {
  int32_t id = 0;
  Span offsets;
  int32_t type_id = 0;
  int32_t sequence = -1;                             // index of its text; -1: added by the post-processor
  uint32_t leading_spaces = 0, trailing_spaces = 0;  // white space characters at the ends of the token itself
};

// The encoding of a text, a part of a template, or a pair of texts; `overflowing` as in Encoding.
struct EncodedText {
  std::vector<EncodedToken> tokens;
  std::vector<std::vector<EncodedToken>> overflowing;
};

// Puts special tokens around the ids of a text or a pair of texts.
class PostProcessor {
 public:
  virtual ~PostProcessor() = default;
  virtual void process(std::vector<int32_t>& ids) const = 0;  // for a single text: adds the special tokens
  // Processes full encodings: `parts` are one or two texts and become the parts to be joined. `inputs` are the texts that the offsets refer
  // to. Without add_special_tokens only offsets, type ids and the order change.
  virtual void process(std::vector<EncodedText>& parts, std::span<const std::string_view> inputs, bool add_special_tokens) const = 0;
  virtual size_t added_tokens(bool pair) const = 0;  // number of special tokens that this adds
};

// Turns tokens back into text, stage by stage: after the last stage the strings are joined without anything between them.
class Decoder {
 public:
  virtual ~Decoder() = default;
  virtual void decode(std::vector<std::string>& tokens) const = 0;
};

}  // namespace qkv
