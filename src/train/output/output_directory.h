// The output directory of a training: checks whether it may be written, and removes it again if the training does not start.
#pragma once

#include <sys/types.h>

#include <filesystem>
#include <optional>

#include "qkv/trainer.h"

namespace qkv {

// One process of a training writes; the others read what it wrote.
enum class OutputAccess { write, read };

class OutputDirectory {
 public:
  // Throws Error(invalid_argument) if the directory exists, is not empty, and neither --resume nor --overwrite is given, and Error(io) if
  // it is not writable. Changes nothing.
  explicit OutputDirectory(const TrainOptions& options, OutputAccess access = OutputAccess::write);
  // Removes the directories that create() made, unless keep() was called.
  ~OutputDirectory();
  OutputDirectory(const OutputDirectory&) = delete;
  OutputDirectory& operator=(const OutputDirectory&) = delete;

  // Makes the directory if it is missing, locks it against other trainings for the lifetime of this object, and removes temporary files of
  // a killed training. With OutputAccess::read it only throws Error(io) if the directory is missing.
  void create();
  // Removes the files of an earlier training; other files are kept. New files get no permissions that the removed ones denied.
  void clear();
  void keep() { kept_ = true; }

  const std::filesystem::path& path() const { return path_; }
  // A path in the directory for messages: relative where the user named the directory so.
  std::string shown(const std::filesystem::path& path) const;
  std::filesystem::path checkpoints() const { return path_ / "checkpoints"; }
  std::filesystem::path cache() const { return path_ / "cache"; }
  std::filesystem::path options() const;  // the file of the training's options
  std::filesystem::path log() const { return path_ / "train_log.jsonl"; }
  std::filesystem::path tensorboard() const { return path_ / "tensorboard"; }

 private:
  OutputAccess access_;
  std::filesystem::path path_;
  bool named_relative_;
  std::filesystem::path created_;  // topmost directory made by create(); empty: none
  bool made_cache_ = false;        // by create(), in a directory that was there
  bool kept_ = false;
  int lock_ = -1;
  std::optional<mode_t> old_mask_;  // umask to restore; clear() may deny further permissions
};

}  // namespace qkv
