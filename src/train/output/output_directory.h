// The model directory that a training makes: whether it may, and nothing left behind where it comes to nothing.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "qkv/trainer.h"

namespace qkv {

class OutputDirectory {
 public:
  // Throws Error(invalid_argument) where the directory exists, is not empty, and neither --resume nor --overwrite is given; Error(io) where
  // it could not be written to. Changes nothing.
  explicit OutputDirectory(const TrainOptions& options);
  // Removes what create() made, unless keep() was called.
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  // Makes the directory where it is missing, keeps other trainings out of it as long as this lives, and removes what a killed one was
  // just writing.
  void create();
  // Removes what an earlier training left; other files stay. Whom its permissions kept out stays out of what is written next.
  void clear();
  void keep() { kept_ = true; }

  const std::filesystem::path& path() const { return path_; }
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path cache() const { return path_ / "cache"; }
  std::filesystem::path log() const { return path_ / "train_log.jsonl"; }
  std::filesystem::path tensorboard() const { return path_ / "tensorboard"; }

 private:
  std::filesystem::path path_;
  std::filesystem::path created_;  // the topmost directory that create() made; empty: none
  bool kept_ = false;
  int lock_ = -1;
  std::optional<mode_t> old_mask_;  // clear() may deny rights to what is written from then on
};

}  // namespace qkv
