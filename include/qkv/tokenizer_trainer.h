// Tokenizers trained on text: what `qkv tokenizer train` does, for C++ programs. Thread safety: calls may run at once in several threads,
// each on all threads that qkv may use; callbacks run on the calling thread.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/cancellation.h"
#include "qkv/tokenizer.h"

namespace qkv {

// The purpose of a trained tokenizer, which decides the kind of its model. Those on plain text give back every text as it was, white space
// included; the others take lines, in NFC.
enum class TokenizerPipeline : uint8_t {
  // Lines. White space becomes one space, none at the ends; `</s>` is at the end of each text.
  sentences,  // byte pair encoding of what spaces and punctuation part
  unigram,    // Unigram of what spaces part
  words,      // a token for each word that spaces and punctuation part, <unk> for others
  // Lines, as BERT has them: parted at white space and punctuation; [CLS] before each text and [SEP] after it.
  word_pieces,  // WordPiece
  // Plain text.
  byte_pairs,  // bytes as GPT-2 writes them, merged within the pieces that its pattern cuts
  bytes,       // a token for each byte
  characters,  // a token for each character that the text has, <unk> for others
};

// Which pair of neighbours ab WordPiece joins next. c(x) is how often x occurs in the corpus as it is cut at the time.
enum class WordPieceScore : uint8_t {
  likelihood,  // the highest c(ab) / (c(a) c(b)): the published one (Schuster and Nakajima 2012)
  gain,        // the highest gain in the log-likelihood of the corpus under a unigram model of its pieces
  frequency,   // the highest c(ab): byte pair encoding, as WordPieceTrainer of `tokenizers` does it
};

struct TokenizerTrainerOptions {
  TokenizerPipeline pipeline = TokenizerPipeline::sentences;
  int64_t vocab_size = 8000;                                     // 1 to 2^31 - 1; special tokens and characters included
  bool vocab_size_is_upper_bound = false;                        // false: a text that yields fewer tokens is an error that says how many
  uint64_t min_frequency = 2;                                    // pairs of neighbours seen less often are not joined; of `words`: words
  int64_t limit_alphabet = std::numeric_limits<int64_t>::max();  // characters kept, the most frequent ones; the others become <unk>
  std::vector<std::string> special_tokens;                       // besides those of the pipeline, from the next id on
  std::string document_separator;                                // parts a plain text into documents and is in none
  double character_coverage = 1.0;                               // as many characters as make up this share of the text; in (0, 1]
  std::string initial_alphabet;                                  // UTF-8: characters that are tokens in any case
  WordPieceScore score = WordPieceScore::likelihood;             // of word_pieces
  bool byte_fallback = false;                                    // of unigram: characters that are no token become their bytes
  int64_t memory = int64_t{4} << 30;                             // bytes to stay below; at least 64 MiB
  std::function<void(std::string_view)> progress;                // told now and then in a few words how far it is
  const CancellationToken* cancellation = nullptr;
};

// A tokenizer of the vocabulary of all files together. The same options and text give the same file, byte for byte, on any number of
// threads. Lines are texts of their own; the pipelines for plain text take a file as one text. Throws qkv::Error: bad_input for a text that
// is not UTF-8 (file and line), has no words, or yields too few tokens; io for a file that cannot be read; invalid_argument for options
// that cannot be right; interrupted where it was cancelled.
//
// Memory: files are read through a window, so what counts are the different words. Training takes three times what their table does,
// Unigram six times. So the table may take a quarter of `memory`, an eighth for Unigram; where it grows beyond that, the rarest words are
// dropped, with a warning.
Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const std::filesystem::path> files);
// As above, for lines or texts in memory.
Tokenizer train_tokenizer(const TokenizerTrainerOptions& options, std::span<const std::string> lines);

}  // namespace qkv
