#include "base/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <exception>
#include <system_error>
#include <utility>

#include "base/descriptor.h"
#include "base/option_error.h"
#include "base/shortened_files.h"

namespace qkv {
namespace {

std::string system_message(int error) { return std::generic_category().message(error); }

struct OpenFile {
  int fd;
  struct stat status;
};

enum class Kind { regular, also_pipe };

bool is_null_device(const struct stat& status) { return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3); }

// The status of an open file of the expected kind. Devices may never end, except terminals and /dev/null.
struct stat status_for_reading(int fd, const std::string& name, Kind kind) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) fail(ErrorCode::io, "cannot read {}: {}", name, system_message(errno));
  const mode_t mode = status.st_mode;
  if (S_ISDIR(mode)) fail(ErrorCode::io, "cannot read {}: it is a directory; name a file in it", name);
  const bool pipe = S_ISFIFO(mode) || S_ISSOCK(mode);
  if (kind == Kind::regular && !S_ISREG(mode)) {
    fail(ErrorCode::io, "cannot read {}: it is a {}, not a regular file; write its content to a file first", name,
         pipe ? "pipe" : "device");
  }
  if (!S_ISREG(mode) && !pipe && !is_null_device(status) && ::isatty(fd) == 0) {
    fail(ErrorCode::io, "cannot read {}: it is a device, neither a regular file nor a pipe", name);
  }
  return status;
}

// Opens without waiting for a pipe's writer if pipes are rejected anyway.
OpenFile open_for_reading(const std::filesystem::path& path, Kind kind) {
  Descriptor fd(open_again_if_interrupted(path, kind == Kind::regular ? O_RDONLY | O_NONBLOCK : O_RDONLY));
  if (fd.get() < 0) fail(ErrorCode::io, "cannot read {}: {}", path.string(), system_message(errno));
  const struct stat status = status_for_reading(fd.get(), path.string(), kind);
  return {fd.release(), status};
}

[[noreturn]] void fail_is_directory(const std::filesystem::path& path) {
  fail(ErrorCode::io, "cannot write {}: it is a directory; name a file in it", path.string());
}

// `path` is the name in messages; the descriptor may be a temporary file's.
void write_all(int fd, const void* data, size_t size, const std::filesystem::path& path) {
  const char* bytes = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::write(fd, bytes, std::min(size, size_t{1} << 30));
    if (written < 0) {
      if (errno == EINTR) continue;
      fail_to_write(path, errno);
    }
    bytes += written;
    size -= static_cast<size_t>(written);
  }
}

using Writer = std::function<void(const std::function<void(const void*, size_t)>& append)>;

// For pipes and devices (/dev/stdout), which have no old content to keep and no name to take over.
void write_in_place(const std::filesystem::path& path, const Writer& write) {
  Descriptor fd(open_again_if_interrupted(path, O_WRONLY));
  if (fd.get() < 0) fail_to_write(path, errno);
  write([&](const void* data, size_t size) { write_all(fd.get(), data, size, path); });
}

std::filesystem::path temporary_name(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path name = path;
  name += fmt::format(".tmp-{}-{}", ::getpid(), counter.fetch_add(1));
  return name;
}

// Gives the new file the old one's access rights, and nobody else any. If the group cannot be kept, the new group gets no rights.
void hand_on_permissions(int fd, const struct stat& old) {
  struct stat now {};
  if (::fstat(fd, &now) != 0) return;
  mode_t mode = old.st_mode & 0777;
  if (now.st_gid != old.st_gid && ::fchown(fd, static_cast<uid_t>(-1), old.st_gid) != 0) mode &= ~mode_t{070};
  if (now.st_uid != old.st_uid) static_cast<void>(!::fchown(fd, old.st_uid, static_cast<gid_t>(-1)));  // only root may do this
  ::fchmod(fd, mode);
}

// Resolves links, so that the target is replaced or created and a link stays a link.
std::filesystem::path follow_links(std::filesystem::path path) {
  constexpr int kMostLinks = 40;  // the system's own limit
  std::error_code error;
  for (int i = 0; i < kMostLinks && std::filesystem::is_symlink(path, error); ++i) {
    path = path.parent_path() / std::filesystem::read_symlink(path, error);  // an absolute target replaces the path
  }
  return path;
}

}  // namespace

int open_again_if_interrupted(const std::filesystem::path& path, int flags, mode_t mode) {
  int fd = -1;
  do fd = ::open(path.c_str(), flags | O_CLOEXEC, mode);
  while (fd < 0 && errno == EINTR);
  return fd;
}

void fail_to_write(const std::filesystem::path& path, int error) {
  const char* advice = error == ENOSPC || error == EDQUOT ? "; free some space and run it again"
                       : error == ENOENT                  ? "; make its directory first"
                       : error == EFBIG                   ? "; raise the limit on the size of files (ulimit -f)"
                                                          : "";
  fail(ErrorCode::io, "cannot write {}: {}{}", path.string(), system_message(error), advice);
}

MappedFile::MappedFile(const std::filesystem::path& path) {
  const OpenFile file = open_for_reading(path, Kind::regular);
  Descriptor fd(file.fd);
  size_ = static_cast<size_t>(file.status.st_size);
  if (size_ == 0) {  // mmap rejects an empty mapping
    char byte;
    if (::read(fd.get(), &byte, 1) <= 0) return;
    fail(ErrorCode::io, "cannot map {}: its size is not known, as of files in /proc; copy it first", path.string());
  }
  void* mapping = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, fd.get(), 0);
  if (mapping == MAP_FAILED) {
    const int error = errno;
    size_ = 0;
    fail(ErrorCode::io, "cannot map {}: {}", path.string(), system_message(error));
  }
  data_ = static_cast<const char*>(mapping);
  guard_ = internal::guard_mapping(data_, size_, path);
}

MappedFile::~MappedFile() {
  internal::forget_mapping(guard_);
  if (data_) ::munmap(const_cast<char*>(data_), size_);
}

MappedFile::MappedFile(MappedFile&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)), guard_(std::exchange(other.guard_, -1)) {}

MappedFile& MappedFile::operator=(MappedFile&& other) noexcept {
  std::swap(data_, other.data_);
  std::swap(size_, other.size_);
  std::swap(guard_, other.guard_);
  return *this;
}

void MappedFile::release(size_t begin, size_t end) const {
  const auto page = static_cast<size_t>(::sysconf(_SC_PAGESIZE));
  begin = (begin + page - 1) / page * page;  // mappings begin at page boundaries
  end = std::min(end, size_) / page * page;
  if (begin < end) ::madvise(const_cast<char*>(data_) + begin, end - begin, MADV_DONTNEED);
}

namespace {

std::string read_all(const std::filesystem::path& path, Kind kind) {
  const OpenFile file = open_for_reading(path, kind);
  Descriptor fd(file.fd);
  std::string content;
  size_t length = 0;
  // One byte more than the size, so that the end is detected without growing; a pipe's size is 0 and it grows.
  content.resize(std::max<size_t>(static_cast<size_t>(std::max<off_t>(file.status.st_size, 0)) + 1, 4096));
  while (true) {
    if (length == content.size()) content.resize(content.size() * 2);
    const ssize_t got = ::read(fd.get(), content.data() + length, content.size() - length);
    if (got < 0) {
      if (errno == EINTR) continue;
      fail(ErrorCode::io, "cannot read {}: {}", path.string(), system_message(errno));
    }
    if (got == 0) break;
    length += static_cast<size_t>(got);
  }
  content.resize(length);
  return content;
}

}  // namespace

std::string read_file(const std::filesystem::path& path) { return read_all(path, Kind::regular); }
std::string read_input(const std::filesystem::path& path) { return read_all(path, Kind::also_pipe); }
int open_input(const std::filesystem::path& path) { return open_for_reading(path, Kind::also_pipe).fd; }
void check_input(int fd, const std::string& name) { status_for_reading(fd, name, Kind::also_pipe); }

void check_can_write(const std::filesystem::path& path) {
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && S_ISDIR(status.st_mode)) fail_is_directory(path);
  const std::filesystem::path parent = follow_links(path).parent_path();
  const bool replaced = !exists || S_ISREG(status.st_mode);
  const std::filesystem::path opened = !replaced ? path : parent.empty() ? "." : parent;
  if (::faccessat(AT_FDCWD, opened.c_str(), replaced ? W_OK | X_OK : W_OK, AT_EACCESS) != 0) fail_to_write(path, errno);
}

void check_can_write_in(const std::filesystem::path& directory, const std::string& label) {
  std::error_code error;
  std::filesystem::path there = directory.empty() ? "." : std::filesystem::absolute(directory);
  while (::access(there.c_str(), F_OK) != 0 && there.has_relative_path()) there = there.parent_path();
  if (!std::filesystem::is_directory(there, error)) {
    fail_option(ErrorCode::io, "{}: {} is a file, not a directory; name another place", label, there.string());
  }
  if (::faccessat(AT_FDCWD, there.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
    fail_option(ErrorCode::io, "{}: cannot write to {}: {}; name another place", label, there.string(), system_message(errno));
  }
}

bool is_there(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::exists(path, ignored);
}

bool is_file(const std::filesystem::path& path) {
  std::error_code ignored;
  return std::filesystem::is_regular_file(path, ignored);
}

bool is_empty_directory(const std::filesystem::path& directory) {
  std::error_code error;
  for (std::filesystem::directory_iterator entry(directory, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->path().filename() != "lost+found") return false;
  }
  return !error;
}

void move_into_place(const std::filesystem::path& from, const std::filesystem::path& path) {
  struct stat old {};
  if (::stat(path.c_str(), &old) == 0) {
    const Descriptor fd(open_again_if_interrupted(from, O_RDONLY));
    if (fd.get() < 0) fail_to_write(path, errno);
    hand_on_permissions(fd.get(), old);
  }
  if (::rename(from.c_str(), follow_links(path).c_str()) != 0) fail_to_write(path, errno);
}

void write_file_atomically(const std::filesystem::path& path, const Writer& write) {
  struct stat status {};
  const bool exists = ::stat(path.c_str(), &status) == 0;
  if (exists && !S_ISREG(status.st_mode)) {
    if (S_ISDIR(status.st_mode)) fail_is_directory(path);
    return write_in_place(path, write);
  }
  const std::filesystem::path target = follow_links(path);
  const std::filesystem::path temporary = temporary_name(target);
  const mode_t mode = exists ? status.st_mode & 0777 : 0666;
  Descriptor fd(open_again_if_interrupted(temporary, O_WRONLY | O_CREAT | O_TRUNC, mode));
  if (fd.get() < 0) fail_to_write(path, errno);
  if (exists) hand_on_permissions(fd.get(), status);
  try {
    write([&](const void* data, size_t size) { write_all(fd.get(), data, size, path); });
    throw_if_shortened();
    if (::fsync(fd.get()) != 0) fail_to_write(path, errno);
    if (::close(fd.release()) != 0) fail_to_write(path, errno);  // network file systems report a full disk here
    if (::rename(temporary.c_str(), target.c_str()) != 0) fail_to_write(path, errno);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
}

void write_file_atomically(const std::filesystem::path& path, std::string_view content) {
  write_file_atomically(path, [&](const std::function<void(const void*, size_t)>& append) { append(content.data(), content.size()); });
}

void sync_directory(const std::filesystem::path& path) {
  Descriptor fd(open_again_if_interrupted(path.empty() ? "." : path, O_RDONLY | O_DIRECTORY));
  if (fd.get() < 0) fail(ErrorCode::io, "cannot open the directory {}: {}", path.string(), system_message(errno));
  // EINVAL: the file system has nothing to sync for a directory.
  if (::fsync(fd.get()) != 0 && errno != EINVAL) {
    fail(ErrorCode::io, "cannot sync the directory {}: {}", path.string(), system_message(errno));
  }
}

}  // namespace qkv
