// The tokenizers that qkv trains: the stages around their models, and the tokenizer.json that they become.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "qkv/tokenizer_trainer.h"
#include "text/pipeline/pipeline.h"
#include "text/training/bpe_trainer.h"

namespace qkv {

inline bool takes_lines(TokenizerPipeline pipeline) { return pipeline <= TokenizerPipeline::word_pieces; }
// Is its vocabulary what the text has, whatever size is asked for?
inline bool has_fixed_vocabulary(TokenizerPipeline pipeline) { return pipeline >= TokenizerPipeline::bytes; }

inline constexpr std::string_view kEosToken = "</s>";                 // of lines, like <pad>; not of word pieces
inline constexpr std::string_view kUnkToken = "<unk>";                // of lines and characters
inline constexpr std::string_view kPadToken = "<pad>";                //
inline constexpr std::string_view kEndOfTextToken = "<|endoftext|>";  // of plain text: ends a document
inline constexpr std::string_view kContinuingPrefix = "##";           // of pieces within a word

// What a model is made of.
struct LearntVocabulary {
  std::vector<std::string> tokens;  // by id; the special ones first, those of the pipeline before others
  size_t special_tokens = 0;
  std::vector<BpeMerge> merges;  // of byte pair encoding
  std::vector<double> scores;    // of Unigram, for each token
  bool byte_fallback = false;    // of Unigram: the tokens have the 256 bytes, <0x00> …
};

// The special tokens of a pipeline; their ids are their places.
std::vector<std::string> special_tokens_of(TokenizerPipeline pipeline);

// The characters that are tokens whether the text has them or not: the 256 that stand for bytes, or none.
std::u32string initial_alphabet_of(TokenizerPipeline pipeline);

// How words are cut before a model is learnt; null: there is no such stage.
std::unique_ptr<Normalizer> training_normalizer(TokenizerPipeline pipeline);
std::unique_ptr<PreTokenizer> training_pre_tokenizer(TokenizerPipeline pipeline);

// The text of the file for what was learnt.
std::string trained_tokenizer_json(TokenizerPipeline pipeline, const LearntVocabulary& learnt);

}  // namespace qkv
