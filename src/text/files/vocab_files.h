// Vocabularies in separate files: vocab.json with merges.txt (GPT-2, RoBERTa, Qwen, CLIP) and vocab.txt (BERT). Each is converted to the
// tokenizer.json that transformers makes of it.
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

// vocab.json and merges.txt, with or without "#version" in the first line. The kind is the configuration's tokenizer_class; without one it
// is RoBERTa's if the vocabulary has <s> and </s>, otherwise GPT-2's.
std::string vocab_json_to_json(const NamedText& vocab, const NamedText& merges, const TokenizerConfig& config);

// vocab.txt: a token per line, with the line number from 0 as its id; of duplicates the last counts. Lower-cases unless the configuration's
// do_lower_case is false; also respects strip_accents and tokenize_chinese_chars.
std::string vocab_txt_to_json(const NamedText& vocab, const TokenizerConfig& config);

// Options of a WordPiece tokenizer like BERT's.
struct BertOptions {
  bool lowercase = true, chinese_characters = true;
  int strip_accents = -1;  // -1: same as lowercase
  std::string unk = "[UNK]", cls = "[CLS]", sep = "[SEP]";
};
std::string bert_to_json(const std::vector<std::string>& tokens, const std::vector<AddedToken>& added, const BertOptions& options,
                         const std::string& file);

// Byte-level BPE: fills in the members of "model" that all of them have.
using MergePairs = std::vector<std::pair<int32_t, int32_t>>;
MergePairs read_merge_lines(const std::vector<std::string_view>& lines, const std::vector<std::string>& tokens, const std::string& file,
                            const char* line_name, size_t first_number);

}  // namespace qkv
