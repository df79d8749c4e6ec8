// The log of a training: one JSON object per line, complete lines only, each step at most once.
#pragma once

#include <filesystem>

#include "qkv/trainer.h"

namespace qkv {

class TrainLog {
 public:
  // Opens the file for appending. First removes an incomplete last line and the lines of steps after `last_step`, which are later than the
  // checkpoint that training resumes from.
  TrainLog(const std::filesystem::path& path, int64_t last_step);
  ~TrainLog();
  TrainLog(const TrainLog&) = delete;
  TrainLog& operator=(const TrainLog&) = delete;

  // {"event":"step","step":…,"epoch":…,"loss":…,"learning_rate":…,"gradient_norm":…,"tokens_per_second":…,"elapsed_seconds":…}
  void write(const TrainStep& step);
  // {"event":"validation","step":…,"loss":…,"perplexity":…,"bleu", "bits_per_byte" or "masked_bits_per_byte":…,"best":…,"seconds":…}
  // For a classification, "accuracy" (for labels of words with "entity_f1") replaces "perplexity" and the key after it.
  void write(const TrainValidation& validation);

 private:
  void append(std::string line);

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace qkv
