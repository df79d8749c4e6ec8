#include "base/shared_file.h"

#include <fcntl.h>

#include <cerrno>

namespace qkv {
namespace {

int open_for_writing(const std::filesystem::path& path, int flags) {
  const int fd = open_again_if_interrupted(path, O_WRONLY | flags, 0666);
  if (fd < 0) fail_to_write(path, errno);
  return fd;
}

// Zeros up to the size; space for them where the file system can reserve it.
void reserve(const std::filesystem::path& path, int fd, int64_t size) {
  if (::fallocate(fd, 0, 0, size) == 0) return;
  if (errno == ENOSPC || errno == EDQUOT || errno == EFBIG || ::ftruncate(fd, size) != 0) fail_to_write(path, errno);
}

}  // namespace

void make_shared_file(const std::filesystem::path& path, std::string_view head, int64_t size) {
  {
    const Descriptor created(open_for_writing(path, O_CREAT | O_TRUNC));
    reserve(path, created.get(), size);
  }
  SharedFile file(path);
  file.write(0, head.data(), head.size());
  file.close();
}

SharedFile::SharedFile(const std::filesystem::path& path) : path_(path), fd_(open_for_writing(path, 0)) {}

void SharedFile::write(int64_t offset, const void* data, size_t size) {
  const auto* from = static_cast<const char*>(data);
  while (size > 0) {
    const ssize_t written = ::pwrite(fd_.get(), from, size, offset);
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) fail_to_write(path_, errno);
    from += written;
    offset += written;
    size -= static_cast<size_t>(written);
  }
}

void SharedFile::close() {
  if (::fsync(fd_.get()) != 0) fail_to_write(path_, errno);
  if (::close(fd_.release()) != 0) fail_to_write(path_, errno);  // network file systems report a full disk here
}

}  // namespace qkv
