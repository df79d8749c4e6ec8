// A tokenizer trained on text: byte pair encoding over the vocabulary of all files together, or its bytes or characters alone.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "qkv/tokenizer.h"
#include "text/text_part.h"
#include "text/trained_pipeline.h"

namespace qkv {

struct BpeTrainerOptions {
  Pipeline pipeline = Pipeline::sentences;
  int64_t vocab_size = 8000;                                     // special tokens and characters included
  bool vocab_size_is_upper_bound = false;                        // false: a text that yields fewer tokens is an error that says how many
  uint64_t min_frequency = 2;                                    // a pair of neighbours seen less often is not joined
  int64_t limit_alphabet = std::numeric_limits<int64_t>::max();  // characters kept, the most frequent ones; the others become <unk>
  std::vector<std::string> special_tokens;                       // besides those of the pipeline, from the next id on
  std::string document_separator;                                // parts a text into documents and is in none; not for sentences
};

// The same options and text give the same tokenizer.json, byte for byte, on any number of threads. Sentences are lines of the files; the
// other pipelines take a file as one text. Pipelines without merges ignore vocab_size. Throws qkv::Error: bad_input for a text that is not
// UTF-8 (file and line), has no words, or yields too few tokens; invalid_argument for options that cannot be right.
Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const TextPart> texts);
Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const std::filesystem::path> files);
Tokenizer train_bpe(const BpeTrainerOptions& options, std::span<const std::string> lines);  // or texts

}  // namespace qkv
