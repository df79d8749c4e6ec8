// Training on parts of files, and the text of tokenizer.json, in addition to include/qkv/tokenizer_trainer.h.
#pragma once

#include <span>
#include <string>

#include "qkv/tokenizer_trainer.h"
#include "text/stages/text_part.h"
#include "text/training/trained_pipeline.h"
#include "text/training/word_piece_trainer.h"

namespace qkv {

std::string train_tokenizer_json(const TokenizerTrainerOptions& options, std::span<const TextPart> texts);     // the text of tokenizer.json
std::string train_tokenizer_json(const TokenizerTrainerOptions& options, std::span<const std::string> lines);  // or texts
Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const TextPart> texts);

}  // namespace qkv
