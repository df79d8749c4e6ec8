#include "base/foreign_file.h"

#include <utility>

namespace qkv {
namespace {

constexpr std::pair<std::string_view, std::string_view> kBeginnings[] = {
    {"version https://git-lfs.github.com/", "a pointer of git-lfs, not the file itself; fetch it with git lfs pull"},
    {"<", "a web page or other markup, as a download that failed leaves; fetch the file again"},
    {"PK\x03\x04", "a zip archive, as torch.save writes, whose name is pytorch_model.bin"},
    {"\x80\x02", "a pickle, as old torch.save wrote, whose name is pytorch_model.bin"},
    {"\x89HDF", "an HDF5 file, as TensorFlow's models are; open it with transformers and save it again with save_pretrained"},
    {"GGUF", "a GGUF file, as llama.cpp reads"},
    {"\x1f\x8b", "compressed with gzip; decompress it"},
    {"\x28\xb5\x2f\xfd", "compressed with zstd; decompress it"},
};

}  // namespace

std::string_view foreign_file(std::string_view content) {
  if (content.empty()) return "empty";
  const size_t first = content.find_first_not_of(" \t\r\n");
  for (const auto& [beginning, kind] : kBeginnings) {
    if (content.starts_with(beginning)) return kind;
    if (beginning == "<" && first != std::string_view::npos && content[first] == '<') return kind;
  }
  return {};
}

}  // namespace qkv
