// Texts as commands read them: one file or several, pipes, gzip and zstd, as one mapped text.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/files.h"
#include "base/text_file.h"
#include "qkv/cancellation.h"

namespace qkv {

struct TextSourceOptions {
  // Asked for a directory where texts that cannot be mapped as they are get copied to; empty: the system's (TMPDIR).
  std::function<std::filesystem::path()> directory;
  // A file name in `directory` under which a text that came through a pipe stays, as it cannot be read twice; empty: it does not stay.
  std::string keep_as;
  // Take the text that an earlier call kept where the pipe is empty or a terminal.
  bool reuse_kept = false;
  std::string between = "\n";  // what each of several files but the last ends with; what is missing of it is put in
  const CancellationToken* cancellation = nullptr;
};

// True if the path is a pipe, a terminal or another source that gives its content once only.
bool is_read_once(const std::filesystem::path& path);

// A copy is cheap and shares the mapping. A source made from a path alone is not opened yet; opened() does so.
class TextSource {
 public:
  // A piece of the text that has a name of its own: a file.
  struct Part {
    std::string name;
    size_t begin = 0, end = 0;  // in text()
  };

  TextSource() = default;
  TextSource(std::filesystem::path path) : path_(std::move(path)), name_(path_.string()) {}  // NOLINT: a path is a source

  // Opens files as one text. A single plain file is mapped; others are copied: pipes are read to their end, packed files unpacked, several
  // files joined by `between`. Byte-order marks are left out, with a note. Throws Error(bad_input) that
  // names the file if it is damaged or no text (base/text_file.h), or if one of several is empty, and Error(io) if it cannot be read.
  static TextSource open(std::span<const std::filesystem::path> files, const TextSourceOptions& options = {});

  // Reads an open file to its end, from where it is; `name` stands for it.
  static TextSource read(int descriptor, const std::string& name, const TextSourceOptions& options = {});

  // This source if it is open; otherwise a new one of its path.
  TextSource opened(const TextSourceOptions& options = {}) const;

  const std::string& name() const { return name_; }  // for messages: "train.de", "train.de and 2 more files"
  std::string_view text() const;                     // without byte-order mark; only this and what follows need an open source
  std::span<const Part> parts() const;
  std::string_view text_of(const Part& part) const { return text().substr(part.begin, part.end - part.begin); }
  // Throws Error(bad_input) if a part is no text of that shape.
  void check(TextShape shape) const;
  // Where a place in the text comes from: its file, and its line there, from 1.
  struct Place {
    std::string name;
    int64_t line = 1;
  };
  Place place(size_t offset) const;
  // Releases the memory of bytes [begin, end) of the text.
  void release(size_t begin, size_t end) const;
  bool kept() const { return kept_; }  // it came through a pipe and is kept

 private:
  friend class TextSourceWriter;
  struct Content;
  std::filesystem::path path_;
  std::string name_;
  bool kept_ = false;
  std::shared_ptr<const Content> content_;
};

// Makes a source from text in pieces. It lies in a file without a name, which the system removes with the last copy of the source.
class TextSourceWriter {
 public:
  // `keep_as`: a path under which the text stays, in one step once it is whole; empty: it does not stay.
  explicit TextSourceWriter(const TextSourceOptions& options = {}, std::filesystem::path keep_as = {});
  ~TextSourceWriter();
  TextSourceWriter(const TextSourceWriter&) = delete;
  TextSourceWriter& operator=(const TextSourceWriter&) = delete;

  void append(std::string_view text);
  size_t size() const { return size_; }
  // Appends what is missing for the text so far to end with `ending`; nothing to an empty text.
  void end_with(std::string_view ending);
  // Starts a part of the text, which messages call by this name.
  void begin_part(std::string name);
  // `name`: of the whole text, for messages.
  TextSource finish(std::string name);

 private:
  void flush();
  [[noreturn]] void fail_to_write(int error) const;

  std::filesystem::path directory_, keep_as_, temporary_;
  int fd_ = -1;
  std::string buffer_;
  size_t size_ = 0;
  std::string tail_;  // the last bytes
  std::vector<TextSource::Part> parts_;
};

// "a", "a and b", "a and 2 more files".
std::string name_of_files(std::span<const std::filesystem::path> files);

// The lines of an open source without their ends.
std::vector<std::string> lines_of(const TextSource& source);

// Takes one line without its end (\n or \r\n) from `text` at `offset`, which moves behind it.
std::string_view take_line(std::string_view text, size_t& offset);

}  // namespace qkv
