// A labelled corpus from a stranger: CSV, tab-separated lines or JSON lines, with and without named columns.
#include "base/temporary_directory.h"
#include "data/labelled_texts.h"
#include "data/table_rows.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const qkv::TemporaryDirectory directory;
  const std::filesystem::path file = directory.write("table", std::string_view(reinterpret_cast<const char*>(data), size));
  qkv::refuse_or_run([&] {
    qkv::for_each_row(qkv::TextSource::open({&file, 1}), {"text", "label.name"}, [&](const qkv::TableRow& row) {
      if (row.values.size() != 2 || row.offset >= size) std::abort();
    });
  });
  for (const qkv::LabelledFormat& format : {qkv::LabelledFormat{}, {.text = "text", .label = "label"}, {.pairs = true}}) {
    qkv::refuse_or_run([&] {
      const qkv::LabelledLines lines = qkv::read_labelled_lines(qkv::TextSource::open({&file, 1}), format);
      if (lines.texts.size() != lines.labels.size() || lines.texts.size() != lines.offsets.size()) std::abort();
      for (size_t i = 0; i < lines.texts.size(); ++i) lines.place(i);
    });
  }
  return 0;
}
