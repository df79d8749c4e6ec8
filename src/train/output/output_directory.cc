#include "train/output/output_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>
#include <system_error>
#include <vector>

#include "base/files.h"
#include "base/option_error.h"
#include "train/options/config_text.h"

namespace qkv {

namespace fs = std::filesystem;

namespace {

// Everything that a training leaves in its directory, except the token cache.
constexpr std::array kContent = {"checkpoints",           "tensorboard",        "train_log.jsonl",        kKeptOptions,
                                 "model.safetensors",     "config.json",        "generation_config.json", "tokenizer.json",
                                 "tokenizer_config.json", "chat_template.jinja"};

bool is_ours(const std::string& name) { return std::find(kContent.begin(), kContent.end(), name) != kContent.end(); }

// Removes temporary files of a killed training: NAME.tmp-… with a NAME of kContent (base/files.h).
void remove_half_written(const fs::path& directory, bool all_are_ours) {
  std::vector<fs::path> found;
  std::error_code error;
  for (fs::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    const size_t mark = name.find(".tmp-");
    if (mark != std::string::npos && (all_are_ours || is_ours(name.substr(0, mark)))) found.push_back(entry->path());
  }
  for (const fs::path& path : found) fs::remove(path, error);
}

// Permissions that an earlier training's files deny, as bits for umask(), so that their replacements deny them too.
mode_t denied_rights(const fs::path& directory) {
  mode_t denied = 0;
  for (const char* name : kContent) {
    struct stat status {};
    if (::stat((directory / name).c_str(), &status) != 0) continue;
    for (const mode_t read : {mode_t{040}, mode_t{04}}) {
      if ((status.st_mode & read) == 0) denied |= read | read >> 1 | read >> 2;
    }
  }
  return denied;
}

}  // namespace

OutputDirectory::OutputDirectory(const TrainOptions& options, OutputAccess access)
    : access_(access), path_(fs::absolute(options.output).lexically_normal()), named_relative_(options.output.is_relative()) {
  if (!path_.has_filename()) path_ = path_.parent_path();  // "model/" -> "model"
  if (access == OutputAccess::read) return;
  std::error_code error;
  const fs::file_status status = fs::status(path_, error);
  const std::string label = mark_fields("`output`") + " " + options.output.string();
  if (!fs::exists(status)) {
    check_can_write_in(path_, label);
    return;
  }
  QKV_CHECK_OPTION(fs::is_directory(status), "`output` {}: there is a file of that name; name a directory", options.output.string());
  QKV_CHECK_OPTION(options.resume || options.overwrite || is_empty_directory(path_),
                   "`output` {}: the directory exists; give `resume` to go on, `overwrite` to replace it, or another name",
                   options.output.string());
  // A model without a log of our training is not replaced unless the user requests it.
  QKV_CHECK_OPTION(options.overwrite || !fs::exists(path_ / "model.safetensors") || fs::exists(log()),
                   "`output` {}: it holds a model but no training to resume; give `overwrite` to replace it, or another name",
                   options.output.string());
  check_can_write_in(path_, label);
}

OutputDirectory::~OutputDirectory() {
  std::error_code ignored;
  if (!kept_ && !created_.empty()) {
    fs::remove_all(created_, ignored);
  } else if (!kept_ && made_cache_) {
    fs::remove_all(cache(), ignored);
  }
  if (lock_ >= 0) ::close(lock_);
  if (old_mask_) ::umask(*old_mask_);
}

std::string OutputDirectory::shown(const fs::path& path) const {
  std::error_code error;
  const fs::path here = fs::current_path(error);
  return named_relative_ && !error ? path.lexically_proximate(here).string() : path.string();
}

fs::path OutputDirectory::options() const { return path_ / kKeptOptions; }

void OutputDirectory::create() {
  if (lock_ >= 0) return;
  if (access_ == OutputAccess::read) {
    if (!fs::exists(cache()))
      fail_option(ErrorCode::io, "`output` {}: another process makes it, but it is not seen here; all hosts must share it", path_.string());
    return;
  }
  fs::path missing;
  for (fs::path each = path_; !each.empty() && !fs::exists(each); each = each.parent_path()) missing = each;
  std::error_code error;
  created_ = missing;
  made_cache_ = !fs::exists(cache());
  fs::create_directories(cache(), error);
  if (error) fail(ErrorCode::io, "cannot make {}: {}", cache().string(), error.message());
  lock_ = ::open(path_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (lock_ < 0) fail(ErrorCode::io, "cannot open {}: {}", path_.string(), std::generic_category().message(errno));
  // On a file system without locks, other trainings are not excluded.
  if (::flock(lock_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    created_.clear();
    made_cache_ = false;
    fail_option(ErrorCode::io, "`output` {}: another training writes there; wait for its end or name another directory", path_.string());
  }
  remove_half_written(path_, false);
  remove_half_written(cache(), true);
}

void OutputDirectory::clear() {
  old_mask_ = ::umask(0);
  ::umask(*old_mask_ | denied_rights(path_));
  for (const char* name : kContent) {
    std::error_code error;
    fs::remove_all(path_ / name, error);
    if (error) fail(ErrorCode::io, "cannot remove {}: {}", (path_ / name).string(), error.message());
  }
}

}  // namespace qkv
