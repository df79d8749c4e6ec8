// A SentencePiece model as a tokenizer.json.
//
// The stages of the file are those that come nearest in `tokenizers`. They cannot say all that sentencepiece does: its map takes the
// longest sequence at each place (not whole grapheme clusters), pieces of equal score are joined from the left, user-defined pieces are
// found first without parting the text, unused pieces help to join others. So "model" has one more member, "sentencepiece", which other
// readers pass over; where it stands, qkv encodes and decodes exactly as sentencepiece and does not look at the file's normalizer,
// pre-tokenizer and decoder.
#pragma once

#include <string>
#include <vector>

#include "formats/json_node.h"
#include "text/files/tokenizer_parts.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

struct SentencePieceSurroundings {
  bool control_in_text = false;       // are <s> and the like found in a text (transformers), or never (sentencepiece)?
  int32_t before = -1, behind = -1;   // pieces put around each text, -1: none
  std::vector<AddedToken> added;      // tokens beyond the pieces
  bool user_defined_in_text = false;  // are pieces of users found in a text before the model sees it, as special ones are (llama.cpp)?
  std::vector<bool> rstrip = {};      // by id, may be empty: special pieces that take the white space behind them
};
std::string sentencepiece_to_json(const SentencePieceModel& model, const SentencePieceSurroundings& around, const std::string& file);

// Marian's way: the pieces of a model get the ids of another vocabulary (marian_stages.h). `tokens`: by id, empty strings are holes.
std::string marian_to_json(const SentencePieceModel& model, const std::vector<std::string>& tokens, int32_t unk_id, int32_t eos_id,
                           const std::vector<AddedToken>& added);

// The normalizer, model and decoder of a tokenizer.json whose model has the member "sentencepiece".
void make_sentencepiece_parts(const JsonNode& model, TokenizerParts& parts);

// Pieces among the added tokens are not looked for in the text: those of users are found by the model itself, control pieces only where
// the file wants it.
void leave_to_sentencepiece(const JsonNode& model, std::vector<AddedToken>& added);

}  // namespace qkv
