// Tokenized sentence pairs in a mapped file: a corpus of any size is read in bounded memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "base/text_source.h"
#include "qkv/cancellation.h"
#include "qkv/tokenizer.h"

namespace qkv {

struct ParallelCorpusOptions {
  TextSource source, target;        // one sentence per line
  std::filesystem::path cache;      // the token file to write; reused if it was made from the same texts and tokenizer
  int max_tokens = 1024;            // pairs with a longer side (including </s>) are dropped and counted
  bool allow_invalid_utf8 = false;  // false: an error that names the line
  const CancellationToken* cancellation = nullptr;
};

class ParallelCorpus {
 public:
  // Reads, checks (equal line counts, UTF-8, not empty) and tokenizes both sides with </s> at the end, on all threads.
  static ParallelCorpus build(const ParallelCorpusOptions& options, const Tokenizer& tokenizer);
  ParallelCorpus(ParallelCorpus&&) noexcept;
  ParallelCorpus& operator=(ParallelCorpus&&) noexcept;
  ~ParallelCorpus();

  int64_t size() const;                                 // pairs kept
  std::span<const int32_t> source(int64_t pair) const;  // ends with </s>
  std::span<const int32_t> target(int64_t pair) const;  // ends with </s>
  int64_t line(int64_t pair) const;                     // 1-based line number in the files
  int64_t too_long() const;                             // number of dropped pairs
  int64_t empty() const;                                // number of pairs dropped because a side is empty

 private:
  struct Impl;
  explicit ParallelCorpus(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace qkv
