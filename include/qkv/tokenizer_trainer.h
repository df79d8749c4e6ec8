// Trains tokenizers on text: the C++ interface of `qkv tokenizer train`. Thread safety: functions may be called concurrently, each on all
// threads that qkv may use; callbacks run on the calling thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/export.h"
#include "qkv/tokenizer.h"

namespace qkv {

// The purpose of a trained tokenizer, which decides the kind of its model. Those on plain text give back every text as it was, white space
// included; the others take lines, in NFC.
enum class TokenizerPipeline : uint8_t {
  // For lines. White space becomes one space and is removed at the ends; each text ends with `</s>`.
  sentences,  // byte pair encoding of words separated by spaces and punctuation
  unigram,    // Unigram on words separated by spaces
  words,      // a token for each word separated by spaces and punctuation, <unk> for others
  // For lines, as in BERT: split at white space and punctuation; [CLS] before each text and [SEP] after it.
  word_pieces,  // WordPiece
  // For plain text.
  byte_pairs,  // bytes as GPT-2 writes them, merged within the pieces of its pattern
  bytes,       // a token for each byte
  characters,  // a token for each character of the text, <unk> for others
};

// The criterion for the pair of neighbours ab to merge next. c(x) is the number of occurrences of x in the corpus as currently segmented.
enum class WordPieceScore : uint8_t {
  likelihood,  // the highest c(ab) / (c(a) c(b)), as published (Schuster and Nakajima 2012)
  gain,        // the highest gain in the log-likelihood of the corpus under a unigram model of its pieces
  frequency,   // the highest c(ab): byte pair encoding, as in WordPieceTrainer of `tokenizers`
};

struct TokenizerTrainerOptions {
  TokenizerPipeline pipeline = TokenizerPipeline::sentences;
  // 1 to 2^31 - 1, with special tokens and characters: exactly so many tokens, or an error that says how many the text yields. Empty: as
  // many as it yields, up to 8000. `bytes` and `characters` have the tokens of their texts.
  std::optional<int64_t> vocab_size;
  bool vocab_size_is_upper_bound = false;                        // true: fewer tokens are no error
  uint64_t min_frequency = 2;                                    // pairs of neighbours seen less often are not merged; for `words`: words
  int64_t limit_alphabet = std::numeric_limits<int64_t>::max();  // characters kept, the most frequent ones; the others become <unk>
  std::vector<std::string> special_tokens;                       // in addition to the pipeline's, from the next id on
  std::string document_separator;                                // separates a plain text into documents and belongs to none
  double character_coverage = 1.0;                    // keeps the most frequent characters that make up this share of the text; in (0, 1]
  std::string initial_alphabet;                       // UTF-8: characters that are always tokens
  WordPieceScore score = WordPieceScore::likelihood;  // for word_pieces
  bool byte_fallback = false;                         // for unigram: characters without a token become their bytes
  int64_t memory = int64_t{4} << 30;                  // upper limit in bytes, at least 64 MiB; see below
  std::function<void(std::string_view)> progress;     // called now and then with a few words about the progress
  const CancellationToken* cancellation = nullptr;
};

// Trains one tokenizer on all files. Equal options and texts give the same file, byte for byte, on any number of threads. Lines are
// separate texts; the pipelines for plain text treat a file as one text. Throws qkv::Error: bad_input for a text that is not UTF-8 (file
// and line), has no words, or yields too few tokens; io for a file that cannot be read; invalid_argument for impossible options;
// interrupted if cancelled.
//
// Memory: files are read through a window, so that the different words dominate. Training takes three times the memory of their table,
// Unigram six times. So the table may take a quarter of `memory`, an eighth for Unigram; if it grows beyond that, the rarest words are
// dropped, with a warning.
QKV_API Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const std::filesystem::path> files);
// As above, for lines or texts in memory.
QKV_API Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const std::string> lines);

}  // namespace qkv
