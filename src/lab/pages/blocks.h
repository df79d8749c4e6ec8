// Drawings and tables that code makes for a page; their words are the labels of its text.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "lab/pages/catalogue.h"
#include "nn/uniform_config.h"

namespace qkv::lab {

// A table whose first column names the rows. `marked`: a row to point out, or -1.
std::string html_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows, int marked = -1);

// Structure (structure_drawing.cc): a box for each part of a network, with what a page says about it.
struct StructureBox {
  std::string label;       // the key of its name
  std::string shape;       // of its output: "n × 512"
  int64_t parameters = 0;  // of one layer
  double operations = 0;   // multiplications and additions of one layer for n source and m target tokens
  bool attention = false, residual = false;
  int layers = 1;  // that have this box
};
struct StructureSide {
  std::vector<StructureBox> boxes;  // from the tokens upwards
};
struct Structure {
  StructureSide encoder, decoder;
  int64_t parameters = 0;  // in all, shared tables counted once
};
Structure structure_of(const UniformConfig& config, int64_t source_tokens, int64_t target_tokens);
UniformConfig paper_base_config();  // Vaswani et al. 2017, table 3, row "base"
std::string structure_drawing(const PageText& text, Language language);

// Counts (count_tables.cc).
std::string crossing_table(const PageText& text, Language language);
struct CachedModel {
  const char* name;
  int layers, heads, kv_heads, head_size;
};
const std::vector<CachedModel>& cached_models();
int64_t cache_bytes(const CachedModel& model, int kv_heads, int64_t tokens, int bytes_per_number = 2);
std::string cache_table(const PageText& text, Language language);

// Tokenizers (tokenizer_blocks.cc).
std::string bert_path(const PageText& text, Language language);      // a sentence through BERT's tokenizer
std::string longest_match(const PageText& text, Language language);  // a word through WordPiece
std::string bpe_merges(const PageText& text, Language language);
std::string unigram_choices(const PageText& text, Language language);

}  // namespace qkv::lab
