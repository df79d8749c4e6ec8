#include "io/tensor_file.h"

#include <functional>
#include <utility>

#include "base/error.h"

namespace qkv {

TensorFile::TensorFile(std::filesystem::path path, MappedFile mapping, Entries entries, Metadata metadata)
    : path_(std::move(path)), mapping_(std::move(mapping)), entries_(std::move(entries)), metadata_(std::move(metadata)) {}

TensorFile TensorFile::with_entries(Entries entries) && {
  entries_ = std::move(entries);
  return std::move(*this);
}

void TensorFile::read(const std::string& name, const Tensor& out) const {
  const auto found = entries_.find(name);
  if (found == entries_.end()) fail(ErrorCode::bad_input, "{} has no tensor \"{}\"", path_.string(), shortened(name));
  const StoredTensor& stored = found->second;
  if (stored.shape != out.shape()) {
    fail(ErrorCode::bad_input, "{}: tensor \"{}\" is {}, {} is wanted", path_.string(), shortened(name), shortened(to_string(stored.shape)),
         to_string(out.shape()));
  }
  if (!read_values(stored, out)) {
    fail(ErrorCode::unsupported, "{}: tensor \"{}\" is {}; it cannot be read as {}", path_.string(), shortened(name), stored.dtype,
         name_of(out.dtype()));
  }
  release(stored);
}

void TensorFile::release(const StoredTensor& tensor) const {
  const std::less<> before;
  if (before(tensor.data, mapping_.data()) || !before(tensor.data, mapping_.data() + mapping_.size())) return;
  const auto begin = static_cast<size_t>(tensor.data - mapping_.data());
  mapping_.release(begin, begin + static_cast<size_t>(tensor.bytes));
}

}  // namespace qkv
