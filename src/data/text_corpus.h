// The tokens of a plain text in a mapped file: a text of any size is read in bounded memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "qkv/tokenizer.h"
#include "text/stages/text_part.h"

namespace qkv {

struct TextCorpusOptions {
  TextPart text;
  std::string separator;        // cuts the text into documents and is no part of them; empty: it is one
  std::filesystem::path cache;  // the token file to write; used again where it was made from the same text and tokenizer
};

class TextCorpus {
 public:
  // Reads, checks (UTF-8, not empty), tokenizes on all threads, without the tokenizer's template. Memory: 8 bytes per document.
  static TextCorpus build(const TextCorpusOptions& options, const Tokenizer& tokenizer);
  TextCorpus(TextCorpus&&) noexcept;
  TextCorpus& operator=(TextCorpus&&) noexcept;
  ~TextCorpus();

  int64_t documents() const;  // that have tokens; 1 without a separator
  // With a separator a document stands between two end-of-text tokens, of which the second is the first of the next document: the first
  // token of each is predicted, too. Without one it is the text's tokens alone.
  std::span<const int32_t> document(int64_t index) const;
  std::span<const int32_t> tokens() const;  // all documents
  int64_t text_bytes() const;               // of the text in UTF-8, separators included

 private:
  struct Impl;
  explicit TextCorpus(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The token that ends a text: the first of <|endoftext|>, </s> and [SEP] that the tokenizer has; -1: none.
int32_t end_of_text_token(const Tokenizer& tokenizer);

// The content of a text, as a number. Throws where the file is missing or the part is empty.
uint64_t content_hash(const TextPart& text);

// Throws Error(bad_input) where a separator is given that does not occur in the file: the whole of it would be one document.
void check_separator(const std::filesystem::path& path, std::string_view separator);

// The file in two parts of which the second has `fraction` of its characters (rounded up), as nanoGPT splits its text; with a separator the
// first part ends with a whole document. Throws (bad_input) where one would be empty.
struct TextSplit {
  TextPart first, second;
};
TextSplit split_text(const std::filesystem::path& path, double fraction, std::string_view separator = {});

}  // namespace qkv
