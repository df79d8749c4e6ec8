// The tokenizers that qkv trains: the stages around their models, and their tokenizer.json.
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
// True if the text determines the vocabulary, whatever size is requested.
inline bool has_fixed_vocabulary(TokenizerPipeline pipeline) { return pipeline >= TokenizerPipeline::bytes; }

inline constexpr std::string_view kEosToken = "</s>";                 // for lines, as is <pad>; not for word pieces
inline constexpr std::string_view kUnkToken = "<unk>";                // for lines and characters
inline constexpr std::string_view kPadToken = "<pad>";                //
inline constexpr std::string_view kEndOfTextToken = "<|endoftext|>";  // for plain text: ends a document
inline constexpr std::string_view kContinuingPrefix = "##";           // for pieces within a word

// The result of training a model.
struct TrainedVocabulary {
  std::vector<std::string> tokens;  // by id; special tokens first, those of the pipeline before others
  size_t special_tokens = 0;
  std::vector<BpeMerge> merges;  // for byte pair encoding
  std::vector<double> scores;    // for Unigram, one per token
  bool byte_fallback = false;    // for Unigram: whether the tokens include the 256 bytes, <0x00> …
};

// The special tokens of a pipeline; their ids are their positions.
std::vector<std::string> special_tokens_of(TokenizerPipeline pipeline);

// The characters that are tokens whether the text has them or not: the 256 that represent bytes, or none.
std::u32string initial_alphabet_of(TokenizerPipeline pipeline);

// The stages that split a text into words for training; null: no such stage.
std::unique_ptr<Normalizer> training_normalizer(TokenizerPipeline pipeline);
std::unique_ptr<PreTokenizer> training_pre_tokenizer(TokenizerPipeline pipeline);

// The text of the file for the result of training.
std::string trained_tokenizer_json(TokenizerPipeline pipeline, const TrainedVocabulary& trained);

}  // namespace qkv
