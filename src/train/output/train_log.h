// The log of a training: one JSON object a line, whole lines only, no step twice.
#pragma once

#include <filesystem>

#include "qkv/trainer.h"

namespace qkv {

class TrainLog {
 public:
  // Opens the file for appending. Lines of steps after `last_step` (made after the checkpoint that training goes on from) and a line that
  // was cut off are removed first.
  TrainLog(const std::filesystem::path& path, int64_t last_step);
  ~TrainLog();
  TrainLog(const TrainLog&) = delete;
  TrainLog& operator=(const TrainLog&) = delete;

  // {"event":"step","step":…,"epoch":…,"loss":…,"learning_rate":…,"gradient_norm":…,"tokens_per_second":…,"elapsed_seconds":…}
  void write(const TrainStep& step);
  // {"event":"validation","step":…,"loss":…,"perplexity":…,"bleu", "bits_per_byte" or "masked_bits_per_byte":…,"best":…,"seconds":…}
  // With "accuracy" in the place of "perplexity" and what follows it for a classification.
  void write(const TrainValidation& validation);

 private:
  void append(std::string line);

  std::filesystem::path path_;
  int file_ = -1;
};

}  // namespace qkv
