// The files beside a reranker that say how its logits become a score, in the layout of sentence-transformers' CrossEncoder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace qkv {

// The score is logit[true_token] - logit[false_token] of the last token, or the first alone.
struct LogitScoreModule {
  int32_t true_token = -1, false_token = -1;  // false_token may be missing
};

// The LogitScore of modules.json; nothing without that file. Throws Error(unsupported) for other modules.
std::optional<LogitScoreModule> read_logit_score(const std::filesystem::path& directory);

// How a pair becomes what the model reads.
struct PairFormat {
  enum class Form : uint8_t { unsaid, texts, messages };  // a pair of texts, or messages of the chat template
  Form form = Form::unsaid;
  std::optional<bool> parts;           // is a message's content a list of parts? Nothing: the template decides
  bool add_generation_prompt = false;  // for the template
  std::string variables;               // a JSON object of further variables for it; empty: none
  std::string prompt;                  // what stands before the pair, as the system's message or before the query; empty: nothing
};

// Of sentence_bert_config.json ("modality_config", "processing_kwargs") and config_sentence_transformers.json (the default prompt). Throws
// Error(unsupported) for settings that qkv does not have, by name.
PairFormat read_pair_format(const std::filesystem::path& directory);

// Does the sigmoid function follow the logits? Nothing if the files do not say it. Throws Error(unsupported) for other functions than it
// and none.
std::optional<bool> scores_by_sigmoid(const std::filesystem::path& directory);

}  // namespace qkv
