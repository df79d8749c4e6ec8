// A SentencePiece model as a tokenizer.json.
//
// The file's stages are the closest that `tokenizers` has, but they cannot express all of sentencepiece: its map takes the longest sequence
// at each place (not whole grapheme clusters), pieces of equal score are merged from the left, user-defined pieces are found first without
// splitting the text, and unused pieces take part in merging. Therefore "model" has the additional member "sentencepiece", which other
// readers ignore. If it is present, qkv encodes and decodes exactly as sentencepiece and ignores the file's normalizer, pre-tokenizer and
// decoder.
#pragma once

#include <string>
#include <vector>

#include "formats/json_node.h"
#include "text/files/tokenizer_parts.h"
#include "text/token_models/sentencepiece_model.h"

namespace qkv {

struct SentencePieceSurroundings {
  bool control_in_text = false;       // whether <s> and the like are found in a text (transformers), or never (sentencepiece)
  int32_t before = -1, behind = -1;   // pieces put around each text; -1: none
  std::vector<AddedToken> added;      // tokens beyond the pieces
  bool user_defined_in_text = false;  // whether user-defined pieces are found before the model runs, like special ones (llama.cpp)
  std::vector<bool> rstrip = {};      // by id, may be empty: special pieces that absorb the white space behind them
};
std::string sentencepiece_to_json(const SentencePieceModel& model, const SentencePieceSurroundings& around, const std::string& file);

// For Marian: the pieces of a model get the ids of another vocabulary (marian_stages.h). `tokens`: by id, empty strings are holes.
std::string marian_to_json(const SentencePieceModel& model, const std::vector<std::string>& tokens, int32_t unk_id, int32_t eos_id,
                           const std::vector<AddedToken>& added);

// Makes the normalizer, model and decoder of a tokenizer.json whose model has the member "sentencepiece".
void make_sentencepiece_parts(const JsonNode& model, TokenizerParts& parts);

// Excludes pieces among the added tokens from the search in the text: the model itself finds user-defined ones, and control pieces are
// found only if the file asks for it.
void leave_to_sentencepiece(const JsonNode& model, std::vector<AddedToken>& added);

}  // namespace qkv
