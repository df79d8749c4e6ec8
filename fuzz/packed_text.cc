// Texts from a stranger, packed by gzip or zstd or plain: two files as one, where parts follow each other.
#include "base/temporary_directory.h"
#include "base/text_source.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const qkv::TemporaryDirectory directory;
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  const std::filesystem::path files[] = {directory.write("first", input.substr(0, size / 2)),
                                         directory.write("second", input.substr(size / 2)), directory.write("whole", input)};
  for (const std::span<const std::filesystem::path> chosen : {std::span(files).first(2), std::span(files).last(1)}) {
    qkv::refuse_or_run([&] {
      const qkv::TextSource source = qkv::TextSource::open(chosen, {.directory = [&] { return directory.path(); }});
      size_t end = 0;
      for (const auto& part : source.parts()) {
        if (part.begin < end || part.end < part.begin || part.end > source.text().size()) std::abort();
        end = part.end;
      }
      source.check(qkv::TextShape::lines);
      qkv::lines_of(source);
    });
  }
  return 0;
}
