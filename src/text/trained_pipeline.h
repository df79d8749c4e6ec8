// The tokenizers that qkv trains: the stages around their merges, and the tokenizer.json that they become.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "text/bpe_merges.h"
#include "text/pipeline.h"

namespace qkv {

// What a trained tokenizer is for. All but the first give back every text as it was, white space included.
enum class Pipeline : uint8_t {
  sentences,   // NFC, white space to one space, none at the ends; cut at spaces and punctuation; `</s>` at the end of each text
  byte_pairs,  // bytes as GPT-2 writes them, merged within the pieces that its pattern cuts
  bytes,       // a token for each byte
  characters,  // a token for each character that the text has, <unk> for others
};

inline constexpr std::string_view kEosToken = "</s>";                 // of sentences, like <pad>
inline constexpr std::string_view kUnkToken = "<unk>";                // of sentences and characters
inline constexpr std::string_view kPadToken = "<pad>";                //
inline constexpr std::string_view kEndOfTextToken = "<|endoftext|>";  // of the others: ends a document

// The special tokens of a pipeline; their ids are their places.
std::vector<std::string> special_tokens_of(Pipeline pipeline);

// The characters that are tokens whether the text has them or not: the 256 that stand for bytes, or none.
std::u32string initial_alphabet_of(Pipeline pipeline);

// How words are cut before merges are learnt; null: there is no such stage.
std::unique_ptr<Normalizer> training_normalizer(Pipeline pipeline);
std::unique_ptr<PreTokenizer> training_pre_tokenizer(Pipeline pipeline);

// The text of the file for what was learnt, whose first `special_tokens` tokens are special ones, the pipeline's own first.
std::string trained_tokenizer_json(Pipeline pipeline, const LearntBpe& learnt, size_t special_tokens);

}  // namespace qkv
