// Stages of Marian's tokenizers: the pieces of one SentencePiece model with the ids of a vocabulary of both languages, as in transformers'
// MarianTokenizer.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/pipeline/pipeline.h"
#include "text/pipeline/vocabulary.h"

namespace qkv {

// Separates a target language code, >>de<<, from the beginning of the text and normalizes the rest.
std::unique_ptr<PreTokenizer> make_marian_pre_tokenizer(std::unique_ptr<Normalizer> normalizer);

// Looks up each piece, and unknown text between pieces, in the vocabulary. Missing ones become `unk`, which must be in it.
std::unique_ptr<TokenModel> make_marian_model(std::unique_ptr<TokenModel> pieces, Vocabulary vocabulary, const std::string& unk);

// Special tokens are written unchanged with a space behind them, and the text between them is decoded; white space at the ends is removed.
std::unique_ptr<Decoder> make_marian_decoder(std::unique_ptr<Decoder> pieces, std::vector<std::string> special);

}  // namespace qkv
