// What a training reads: its texts, the tokenizer, tokenized pairs.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "data/parallel_corpus.h"
#include "qkv/tokenizer.h"
#include "qkv/trainer.h"

namespace qkv {

using Report = std::function<void(const std::string&)>;

// Checks that the training and the validation files are there and have line by line a translation. What comes back names each pair of files
// and tells its content from another.
std::map<std::string, std::string> check_texts(const TrainOptions& options);

// The tokenizer that --tokenizer names, or a BPE tokenizer trained on the training text.
Tokenizer make_tokenizer(const TrainOptions& options, const Report& report);

// The tokens that every translation model needs. Throws Error(bad_input) where the tokenizer lacks one.
struct SpecialTokens {
  int32_t pad = 0, eos = 0;
};
SpecialTokens special_tokens(const Tokenizer& tokenizer);

// The pairs of --source and --target (or of the validation files), tokenized into `cache`.
ParallelCorpus build_corpus(const TrainOptions& options, bool validation, const std::filesystem::path& cache, const Tokenizer& tokenizer,
                            const Report& report);

// 1234567 -> "1,234,567".
std::string with_commas(int64_t number);

}  // namespace qkv
