// A zip archive in memory, as torch.save and numpy.savez write them, read with minizip. Members that are stored without compression are
// views of the archive.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace qkv {

class ZipArchive {
 public:
  struct Member {
    std::string_view packed;  // as it lies in the archive
    uint64_t size = 0;        // unpacked
    bool stored = true;       // `packed` is the content
  };

  // `bytes` must outlive the object. Throws Error(bad_input) that names `file` where the directory is damaged, members overlap or a name
  // comes twice; Error(unsupported) for encryption and for methods other than "stored" and "deflated". Together the members unpack to at
  // most 32 times the size of the archive and 1 MiB; more is refused.
  ZipArchive(std::string_view bytes, std::string file);
  ~ZipArchive();

  const std::map<std::string, Member>& members() const { return members_; }
  // The content of a member, decompressed and checked against its CRC.
  std::string unpack(const std::string& name) const;

 private:
  struct Handle;

  Member read_member(std::string& name);
  void check_overlaps() const;
  [[noreturn]] void damaged(std::string_view what) const;

  std::string_view bytes_;
  std::string file_;
  std::unique_ptr<Handle> handle_;
  std::map<std::string, Member> members_;
};

}  // namespace qkv
