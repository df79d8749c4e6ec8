// Vocabularies in files of their own: vocab.json with merges.txt (GPT-2, RoBERTa, Qwen, CLIP), vocab.txt (BERT). Each becomes the text of
// the tokenizer.json that transformers makes of it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "text/files/tokenizer_config.h"

namespace qkv {

struct NamedText {
  std::string_view text;
  std::string file;  // for messages
};

// vocab.json and merges.txt, "#version" in the first line or not. The kind is the configuration's tokenizer_class; without one it is
// RoBERTa's where the vocabulary has <s> and </s>, else GPT-2's.
std::string vocab_json_to_json(const NamedText& vocab, const NamedText& merges, const TokenizerConfig& config);

// vocab.txt: a token per line, the line's number from 0 is its id; of two equal ones the last counts. Lower case unless the configuration's
// do_lower_case is false; its strip_accents and tokenize_chinese_chars are followed, too.
std::string vocab_txt_to_json(const NamedText& vocab, const TokenizerConfig& config);

// A WordPiece tokenizer of BERT's kind.
struct BertOptions {
  bool lowercase = true, chinese_characters = true;
  int strip_accents = -1;  // -1: where lowercase is
  std::string unk = "[UNK]", cls = "[CLS]", sep = "[SEP]";
};
std::string bert_to_json(const std::vector<std::string>& tokens, const std::vector<AddedToken>& added, const BertOptions& options,
                         const std::string& file);

// Byte-level BPE: the members of "model" that all have in common are filled in.
using MergePairs = std::vector<std::pair<int32_t, int32_t>>;
MergePairs read_merge_lines(const std::vector<std::string_view>& lines, const std::vector<std::string>& tokens, const std::string& file,
                            const char* line_name, size_t first_number);

}  // namespace qkv
