// The plain texts of a training: --text, and --valid-text or the end of --text.
#pragma once

#include <map>
#include <string>

#include "data/text_corpus.h"
#include "train/tasks/training_task.h"

namespace qkv {

struct TextInputs {
  TextInputs(const TrainOptions& options, const TextSourceOptions& texts);
  std::map<std::string, std::string> inputs() const;  // TrainingTask::inputs

  TextPart training, validation;
  bool kept = false;  // one of them came through a pipe and was kept
  uint64_t training_hash, validation_hash;
};

// Tokens around each document; -1: the tokenizer's end-of-text token.
struct DocumentTokens {
  int32_t start = -1, end = -1;
};

// Tokenizes one of the texts and reports it under the name `what`.
TextCorpus build_text_corpus(const TrainOptions& options, const TextPart& text, const std::filesystem::path& cache,
                             const Tokenizer& tokenizer, const char* what, const Report& report, const DocumentTokens& around = {});

}  // namespace qkv
