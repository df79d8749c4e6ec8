// A tokenizer trained on text: the vocabulary of all files together. What kind of model, the pipeline says (trained_pipeline.h).
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/tokenizer.h"
#include "text/stages/text_part.h"
#include "text/training/trained_pipeline.h"
#include "text/training/word_piece_trainer.h"

namespace qkv {

struct TokenizerTrainerOptions {
  Pipeline pipeline = Pipeline::sentences;
  int64_t vocab_size = 8000;                                     // special tokens and characters included
  bool vocab_size_is_upper_bound = false;                        // false: a text that yields fewer tokens is an error that says how many
  uint64_t min_frequency = 2;                                    // pairs of neighbours seen less often are not joined; of `words`: words
  int64_t limit_alphabet = std::numeric_limits<int64_t>::max();  // characters kept, the most frequent ones; the others become <unk>
  std::vector<std::string> special_tokens;                       // besides those of the pipeline, from the next id on
  std::string document_separator;                                // parts a plain text into documents and is in none
  double character_coverage = 1.0;                               // as many characters as make up this share of the text; in (0, 1]
  std::string initial_alphabet;                                  // characters that are tokens in any case
  WordPieceScore score = WordPieceScore::likelihood;             // of word_pieces
  bool byte_fallback = false;                                    // of unigram: characters that are no token become their bytes
  int64_t memory = int64_t{4} << 30;                             // bytes to stay below; see below
  std::function<void(std::string_view)> progress;                // told now and then in a few words how far it is
};

// The same options and text give the same file, byte for byte, on any number of threads. Lines are texts of their own; the pipelines for
// plain text take a file as one text. Throws qkv::Error: bad_input for a text that is not UTF-8 (file and line), has no words, or yields
// too few tokens; invalid_argument for options that cannot be right.
//
// Memory: files are read through a window, so what counts are the different words. Training takes three times what their table does,
// Unigram six times. So the table may take a quarter of `memory`, an eighth for Unigram; where it grows beyond that, the rarest words are
// dropped (word_counts.h says which), with a warning.
std::string train_tokenizer_json(const TokenizerTrainerOptions& options, std::span<const TextPart> texts);     // the text of tokenizer.json
std::string train_tokenizer_json(const TokenizerTrainerOptions& options, std::span<const std::string> lines);  // or texts
Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const TextPart> texts);
Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const std::filesystem::path> files);
Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const std::string> lines);

}  // namespace qkv
