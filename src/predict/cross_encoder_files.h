// The files beside a reranker that say how its logits become a score, in the layout of sentence-transformers' CrossEncoder.
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

namespace qkv {

// The score is logit[true_token] - logit[false_token] of the last token, or the first alone.
struct LogitScoreModule {
  int32_t true_token = -1, false_token = -1;  // false_token may be missing
};

// The LogitScore of modules.json; nothing without that file. Throws Error(unsupported) for other modules.
std::optional<LogitScoreModule> read_logit_score(const std::filesystem::path& directory);

// Does the sigmoid function follow the logits? Nothing if the files do not say it. Throws Error(unsupported) for other functions than it
// and none.
std::optional<bool> scores_by_sigmoid(const std::filesystem::path& directory);

}  // namespace qkv
