// What a SentencePiece model file holds (Kudo and Richardson 2018, "SentencePiece: A simple and language independent subword tokenizer").
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace qkv {

// The values are those of the file's enum types.
enum class PieceType : uint8_t {
  normal = 1,
  unknown = 2,       // stands for what no other piece stands for; exactly one
  control = 3,       // <s>, </s>: never made from text
  user_defined = 4,  // taken out of the text before all others, and never joined with its neighbours
  unused = 5,        // known to the joining of pairs, but never given out
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
  std::string unk_surface = " \xE2\x81\x87 ";  // what decoding writes for the unknown piece

  // The normalizer. The map of characters is a double array over UTF-8 and the texts that its values point into; empty: none.
  std::string character_map;
  bool add_dummy_prefix = true;  // a space before each text
  // Where a text is parted by special tokens found in it: does each part get that space, or the first alone, or none? "unless_space": not a
  // part that begins with a space, and not the first where spaces were taken away before it.
  enum class Prefix : uint8_t { first, each, first_unless_space, each_unless_space, never };
  Prefix prefix = Prefix::first;
  bool remove_extra_whitespaces = true;  // runs of spaces become one, those at the ends vanish
  bool escape_whitespaces = true;        // a space is written as U+2581
  bool whitespace_as_suffix = false;     // the dummy space comes behind the text
};

}  // namespace qkv
