#include "formats/gguf_tensors.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "base/error.h"
#include "formats/gguf_cursor.h"

namespace qkv {
namespace {

// ggml's list (ggml.h, enum ggml_type).
constexpr GgufType kTypes[] = {
    {0, "F32", 1, 4},   {1, "F16", 1, 2}, {2, "Q4_0", 32, 18}, {3, "Q4_1"},   {6, "Q5_0"},    {7, "Q5_1"},   {8, "Q8_0", 32, 34},
    {9, "Q8_1"},        {10, "Q2_K"},     {11, "Q3_K"},        {12, "Q4_K"},  {13, "Q5_K"},   {14, "Q6_K"},  {15, "Q8_K"},
    {16, "IQ2_XXS"},    {17, "IQ2_XS"},   {18, "IQ3_XXS"},     {19, "IQ1_S"}, {20, "IQ4_NL"}, {21, "IQ3_S"}, {22, "IQ2_S"},
    {23, "IQ4_XS"},     {24, "I8"},       {25, "I16"},         {26, "I32"},   {27, "I64"},    {28, "F64"},   {29, "IQ1_M"},
    {30, "BF16", 1, 2}, {34, "TQ1_0"},    {35, "TQ2_0"},       {39, "MXFP4"}, {40, "NVFP4"},
};
constexpr uint32_t kMostDimensions = 4;  // GGML_MAX_DIMS
constexpr int64_t kLargestAlignment = 1 << 20;

int64_t alignment_of(const GgufMetadata& metadata) {
  const int64_t alignment = metadata.integer("general.alignment").value_or(32);
  if (alignment < 1 || alignment > kLargestAlignment || !std::has_single_bit(static_cast<uint64_t>(alignment))) {
    fail(ErrorCode::bad_input, "{}: \"general.alignment\" is {}; it must be a power of two up to {}", metadata.file(), alignment,
         kLargestAlignment);
  }
  return alignment;
}

const GgufType& type_of(const GgufMetadata& metadata, std::string_view name, uint64_t number) {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const GgufType& type) { return type.number == number; });
  if (found == std::end(kTypes)) {
    fail(ErrorCode::bad_input, "{}: tensor \"{}\" is of the unknown type {}; the file is damaged or newer than qkv", metadata.file(),
         shortened(name, 100), number);
  }
  if (found->block > 0) return *found;
  fail(ErrorCode::unsupported, "{}: tensor \"{}\" is {}; qkv reads F32, F16, BF16, Q8_0 and Q4_0", metadata.file(), shortened(name, 100),
       found->name);
}

// Reads dimensions, which the file lists fastest first, and sets the number of bytes.
void read_shape(const GgufMetadata& metadata, GgufCursor& in, GgufTensor& tensor, std::string_view name) {
  const uint64_t dimensions = in.number(4);
  if (dimensions < 1 || dimensions > kMostDimensions) in.damaged(fmt::format("has {} dimensions", dimensions));
  tensor.shape.resize(dimensions);
  int64_t values = 1;
  for (size_t i = dimensions; i-- > 0;) {
    const uint64_t size = in.number(8);
    const bool counted = size >= 1 && size <= static_cast<uint64_t>(std::numeric_limits<int64_t>::max() / 64 / values);
    if (!counted) in.damaged(fmt::format("has a dimension of {}{}", size, size < 1 ? "" : ", more values than can be counted"));
    tensor.shape[i] = static_cast<int64_t>(size);
    values *= tensor.shape[i];
  }
  const GgufType& type = type_of(metadata, name, in.number(4));
  tensor.dtype = type.name;
  if (tensor.shape.back() % type.block != 0) {
    in.damaged(fmt::format("has rows of {} values, but {} stores blocks of {}", tensor.shape.back(), type.name, type.block));
  }
  tensor.bytes = static_cast<size_t>(values / type.block * type.block_bytes);
}

void check_overlaps(const GgufMetadata& metadata, const std::map<std::string, GgufTensor>& tensors) {
  using Named = std::pair<const std::string, GgufTensor>;
  std::vector<const Named*> order;
  for (const Named& tensor : tensors) order.push_back(&tensor);
  std::sort(order.begin(), order.end(), [](const Named* a, const Named* b) { return a->second.begin < b->second.begin; });
  for (size_t i = 1; i < order.size(); ++i) {
    const Named &before = *order[i - 1], &after = *order[i];
    if (after.second.begin - before.second.begin >= before.second.bytes) continue;
    fail(ErrorCode::bad_input, "{}: tensors \"{}\" and \"{}\" overlap; the file is damaged", metadata.file(), shortened(before.first, 100),
         shortened(after.first, 100));
  }
}

}  // namespace

const GgufType& gguf_type(std::string_view name) {
  const auto found = std::find_if(std::begin(kTypes), std::end(kTypes), [&](const GgufType& type) { return type.name == name; });
  QKV_CHECK(found != std::end(kTypes), "[gguf] there is no type {}", name);
  return *found;
}

std::map<std::string, GgufTensor> read_gguf_tensors(const GgufMetadata& metadata) {
  if (const int64_t files = metadata.integer("split.count").value_or(1); files > 1) {
    fail(ErrorCode::unsupported, "{}: is one of {} files of a model; join them with llama-gguf-split --merge", metadata.file(), files);
  }
  const auto alignment = static_cast<size_t>(alignment_of(metadata));
  const size_t size = metadata.bytes().size();
  GgufCursor in(metadata.bytes(), metadata.file(), metadata.end());
  std::map<std::string, GgufTensor> tensors;
  for (uint64_t i = 0; i < metadata.tensor_count(); ++i) {
    in.context = fmt::format("the name of tensor {} of {}", i + 1, metadata.tensor_count());
    const std::string_view name = in.string();
    in.context = fmt::format("tensor \"{}\"", shortened(name, 100));
    GgufTensor tensor;
    read_shape(metadata, in, tensor, name);
    const uint64_t offset = in.number(8);
    if (offset % alignment != 0) in.damaged(fmt::format("begins at {}, which is no multiple of {}", offset, alignment));
    tensor.begin = offset;
    if (!tensors.emplace(name, std::move(tensor)).second) in.damaged("comes a second time");
  }
  const size_t data = (in.at() + alignment - 1) / alignment * alignment;
  for (auto& [name, tensor] : tensors) {
    const size_t room = data < size ? size - data : 0;
    if (tensor.begin > room || tensor.bytes > room - tensor.begin) {
      fail(ErrorCode::bad_input, "{}: tensor \"{}\" needs {} bytes at byte {} of the data, which has {}; the file is damaged or was cut",
           metadata.file(), shortened(name, 100), tensor.bytes, tensor.begin, room);
    }
    tensor.begin += data;
  }
  check_overlaps(metadata, tensors);
  return tensors;
}

}  // namespace qkv
