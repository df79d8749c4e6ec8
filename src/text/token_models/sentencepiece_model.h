// The contents of a SentencePiece model file (Kudo and Richardson 2018, "SentencePiece: A simple and language independent subword
// tokenizer").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qkv {

// The values are those of the file's enum types.
enum class PieceType : uint8_t {
  normal = 1,
  unknown = 2,       // for text that no other piece covers; exactly one
  control = 3,       // <s>, </s>: never produced from text
  user_defined = 4,  // extracted from the text before all others, and never merged with its neighbours
  unused = 5,        // takes part in merging but never appears in the result
  byte = 6,          // <0x00> to <0xFF>
};

struct SentencePieceModel {
  enum class Kind : uint8_t { unigram = 1, bpe = 2, word = 3, character = 4 };
  struct Piece {
    std::string text;
    float score = 0.0f;
    PieceType type = PieceType::normal;
  };

  Kind kind = Kind::unigram;
  std::vector<Piece> pieces;  // by id
  bool byte_fallback = false;
  std::string unk_surface = " \xE2\x81\x87 ";  // the decoded form of the unknown piece

  // The normalizer: a double array over UTF-8 and the texts that its values point into; empty: none.
  std::string character_map;
  bool add_dummy_prefix = true;  // a space before each text
  // If special tokens found in a text split it: which parts get that space? "unless_space" excludes parts that begin with a space, and the
  // first part if spaces were removed in front of it.
  enum class Prefix : uint8_t { first, each, first_unless_space, each_unless_space, never };
  Prefix prefix = Prefix::first;
  bool remove_extra_whitespaces = true;  // runs of spaces become one, those at the ends are removed
  bool escape_whitespaces = true;        // a space is written as U+2581
  bool whitespace_as_suffix = false;     // the prefix space is put behind the text
};

}  // namespace qkv
