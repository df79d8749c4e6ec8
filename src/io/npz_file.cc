#include "io/npz_file.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/foreign_file.h"
#include "formats/npy.h"
#include "formats/zip_archive.h"

namespace qkv {
namespace {

constexpr std::pair<std::string_view, std::string_view> kTypes[] = {
    {"f4", "F32"}, {"f8", "F64"}, {"f2", "F16"}, {"i1", "I8"},  {"i2", "I16"}, {"i4", "I32"},
    {"i8", "I64"}, {"u1", "U8"},  {"u2", "U16"}, {"u4", "U32"}, {"u8", "U64"}, {"b1", "BOOL"},
};

StoredTensor stored(const NpyArray& array, const std::string& file) {
  const auto type = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const auto& known) { return known.first == array.type; });
  if (type == std::end(kTypes)) fail(ErrorCode::unsupported, "{}: elements of type \"{}\" cannot be read", file, array.type);
  StoredTensor tensor;
  tensor.dtype = type->second;
  tensor.shape = array.shape;
  if (array.fortran_order && array.shape.size() > 1) {
    int64_t stride = 1;
    for (const int64_t dim : array.shape) {
      tensor.strides.push_back(stride);
      stride *= dim;
    }
  }
  tensor.data = array.values.data();
  tensor.bytes = std::ssize(array.values);
  return tensor;
}

}  // namespace

TensorFile open_npz(const std::filesystem::path& path) {
  MappedFile mapping(path);
  const std::string_view content = mapping.text();
  if (!content.starts_with("PK")) {
    const std::string_view kind = foreign_file(content.substr(0, 512));
    fail(ErrorCode::bad_input, "{} is no archive of NumPy arrays{}", path.string(), kind.empty() ? "" : fmt::format(" but {}", kind));
  }
  const ZipArchive archive(content, path.string());
  TensorFile file(path, std::move(mapping), {});
  TensorFile::Entries entries;
  for (const auto& [member, place] : archive.members()) {
    constexpr std::string_view kExtension = ".npy";
    const std::string name = member.ends_with(kExtension) ? member.substr(0, member.size() - kExtension.size()) : member;
    const std::string label = fmt::format("{}: \"{}\"", path.string(), shortened(name, 100));
    const std::string_view bytes = place.stored ? place.packed : file.keep(archive.unpack(member));
    if (!entries.emplace(name, stored(parse_npy(bytes, label), label)).second) {
      fail(ErrorCode::bad_input, "{}: the array comes twice", label);
    }
  }
  return std::move(file).with_entries(std::move(entries));
}

}  // namespace qkv
