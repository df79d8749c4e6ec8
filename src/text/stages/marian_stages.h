// Stages of Marian's tokenizers: the pieces of one SentencePiece model under the ids of a vocabulary of both languages, as
// transformers' MarianTokenizer has them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "text/pipeline/pipeline.h"
#include "text/pipeline/vocabulary.h"

namespace qkv {

// Cuts a code of the target language, >>de<<, from the beginning of the text; the rest is normalized.
std::unique_ptr<PreTokenizer> make_marian_pre_tokenizer(std::unique_ptr<Normalizer> normalizer);

// Each piece is looked up in the vocabulary, unknown text between them, too; what is not in it is `unk`, which is.
std::unique_ptr<TokenModel> make_marian_model(std::unique_ptr<TokenModel> pieces, Vocabulary vocabulary, const std::string& unk);

// Special tokens are written as they are with a space behind them, the text between them is decoded; no white space at the ends.
std::unique_ptr<Decoder> make_marian_decoder(std::unique_ptr<Decoder> pieces, std::vector<std::string> special);

}  // namespace qkv
