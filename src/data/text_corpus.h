// The tokens of a plain text in a mapped file: a text of any size is read in bounded memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

#include "qkv/cancellation.h"
#include "qkv/tokenizer.h"
#include "text/stages/text_part.h"

namespace qkv {

struct TextCorpusOptions {
  TextPart text;
  std::string separator;        // cuts the text into documents and is no part of them; empty: it is one
  int32_t end_token = -1;       // ends each document; -1: end_of_text_token() of the tokenizer
  int32_t start_token = -1;     // what a network reads before a document's first token; -1: the end token
  std::filesystem::path cache;  // the token file to write; used again where it was made from the same text and tokenizer
  const CancellationToken* cancellation = nullptr;
};

class TextCorpus {
 public:
  // Reads, checks (UTF-8, not empty) and tokenizes on all threads, without the tokenizer's template. Memory: 8 bytes per document.
  static TextCorpus build(const TextCorpusOptions& options, const Tokenizer& tokenizer);
  TextCorpus(TextCorpus&&) noexcept;
  TextCorpus& operator=(TextCorpus&&) noexcept;
  ~TextCorpus();

  int64_t documents() const;  // number of documents with tokens; 1 without a separator
  // With a separator, a document includes the end-of-text tokens before and after it, so that its first token is predicted, too; the second
  // one is also the first of the next document. Without a separator: the text's tokens only.
  std::span<const int32_t> document(int64_t index) const;
  std::span<const int32_t> tokens() const;  // all documents
  // What a network reads at tokens()[index], if a window begins there: before a document the start token.
  int32_t first_input(int64_t index) const;
  int64_t text_bytes() const;  // of the text in UTF-8, including separators

 private:
  struct Impl;
  explicit TextCorpus(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

// The token that ends a text: the first of <|endoftext|>, </s> and [SEP] that the tokenizer has; -1: none.
int32_t end_of_text_token(const Tokenizer& tokenizer);

// A hash of the content. Throws if the file is missing or the part is empty.
uint64_t content_hash(const TextPart& text);

// Throws Error(bad_input) if a given separator does not occur in the text, which would then be a single document.
void check_separator(const TextSource& source, std::string_view separator);

// Splits a text into two parts, of which the second has `fraction` of the characters (rounded up), as in nanoGPT; with a separator the
// first part ends with a whole document. Throws (bad_input) if a part would be empty.
struct TextSplit {
  TextPart first, second;
};
TextSplit split_text(const TextSource& source, double fraction, std::string_view separator = {});

}  // namespace qkv
