// TensorBoard event files: TFRecords of Event messages (train/event.proto).
#pragma once

#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <span>
#include <string>

namespace qkv {

class EventFile {
 public:
  // Creates a new file in `directory`. It voids the values of step `first_step` and later ones in existing files.
  EventFile(const std::filesystem::path& directory, int64_t first_step);

  struct Scalar {
    const char* tag;
    double value;
  };
  // Writes the values of one step and flushes them.
  void write(int64_t step, std::span<const Scalar> scalars);

 private:
  void write_record(const std::string& event);

  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;
};

}  // namespace qkv
