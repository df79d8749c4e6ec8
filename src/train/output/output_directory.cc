#include "train/output/output_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "base/error.h"

namespace qkv {

namespace fs = std::filesystem;

namespace {

// What a training leaves in its directory, besides the token cache.
constexpr std::array kContent = {"checkpoints",       "tensorboard",          "train_log.jsonl",
                                 "model.safetensors", "config.json",          "generation_config.json",
                                 "tokenizer.json",    "tokenizer_config.json"};

// Files that a killed training was writing: NAME.tmp-... for a NAME of ours (base/files.h).
void remove_half_written(const fs::path& directory) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const size_t mark = name.find(".tmp-");
    if (mark != std::string::npos && std::find(kContent.begin(), kContent.end(), name.substr(0, mark)) != kContent.end())
      found.push_back(entry->path());
  }
  for (const fs::path& path : found) fs::remove(path, error);
}

// A directory that was made to be filled: an empty one, or a freshly mounted file system.
bool holds_nothing(const fs::path& directory) {
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename() != "lost+found") return false;
  }
  return !error;
}

// The directory that is there in which the first missing one of `path` would be made.
fs::path existing_parent(fs::path path) {
  std::error_code error;
  while (!fs::exists(path, error) && path.has_relative_path()) path = path.parent_path();
  return path;
}

// Told before the work of which the result could not be kept.
void check_writable(const fs::path& output, const fs::path& directory) {
  std::error_code error;
  if (!fs::is_directory(directory, error)) {
    fail(ErrorCode::io, "--output {}: {} is a file, not a directory; name another place", output.string(), directory.string());
  }
  if (::access(directory.c_str(), W_OK | X_OK) != 0) {
    fail(ErrorCode::io, "--output {}: cannot write to {}: {}; name another place", output.string(), directory.string(),
         std::generic_category().message(errno));
  }
}

}  // namespace

OutputDirectory::OutputDirectory(const TrainOptions& options) : path_(fs::absolute(options.output).lexically_normal()) {
  if (!path_.has_filename()) path_ = path_.parent_path();  // "model/" -> "model"
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  if (!fs::exists(status)) {
    check_writable(options.output, existing_parent(path_));
    return;
  }
  QKV_CHECK(fs::is_directory(status), "--output {}: there is a file of that name; name a directory", options.output.string());
  QKV_CHECK(options.resume || options.overwrite || holds_nothing(path_),
            "--output {}: the directory exists; give --resume to go on, --overwrite to replace it, or another name",
            options.output.string());
  // A model that no training of ours is known to have left there is not replaced unasked.
  QKV_CHECK(options.overwrite || !fs::exists(path_ / "model.safetensors") || fs::exists(log()),
            "--output {}: it holds a model but no training to resume; give --overwrite to replace it, or another name",
            options.output.string());
  check_writable(options.output, path_);
}

OutputDirectory::~OutputDirectory() {
  if (!kept_ && !created_.empty()) {
    std::error_code ignored;
    fs::remove_all(created_, ignored);
  }
  if (lock_ >= 0) ::close(lock_);
}

void OutputDirectory::create() {
  if (lock_ >= 0) return;
  fs::path missing;
  for (fs::path each = path_; !each.empty() && !fs::exists(each); each = each.parent_path()) missing = each;
  std::error_code error;
  created_ = missing;
  fs::create_directories(cache(), error);
  if (error) fail(ErrorCode::io, "cannot make {}: {}", cache().string(), error.message());
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) fail(ErrorCode::io, "cannot open {}: {}", path_.string(), std::generic_category().message(errno));
  // A file system without locks does not keep anybody out.
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    created_.clear();
    fail(ErrorCode::io, "--output {}: another training writes there; wait for its end or name another directory", path_.string());
  }
  remove_half_written(path_);
}

void OutputDirectory::clear() {
  for (const char* name : kContent) {
    std::error_code error;
    fs::remove_all(path_ / name, error);
    if (error) fail(ErrorCode::io, "cannot remove {}: {}", (path_ / name).string(), error.message());
  }
}

}  // namespace qkv
