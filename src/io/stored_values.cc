// Converts stored values to the types of tensors.
#include <bit>
#include <cstring>

#include "base/parallel.h"
#include "io/quantized_blocks.h"
#include "io/tensor_file.h"
#include "kernels/bf16.h"
#include "tensor/host_values.h"

namespace qkv {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian; values are copied as they lie in memory");

namespace {

constexpr int64_t kSlab = int64_t{1} << 18;  // values that a thread converts at a time

template <typename To, typename From>
To convert(From value) {
  if constexpr (std::is_same_v<From, To>) {
    return value;
  } else if constexpr (std::is_same_v<To, bf16>) {
    return to_bf16(convert<float>(value));
  } else if constexpr (std::is_arithmetic_v<From>) {
    return static_cast<To>(value);
  } else {
    return static_cast<To>(to_float(value));
  }
}

template <typename From>
constexpr bool in_blocks = std::is_same_v<From, Q8Block> || std::is_same_v<From, Q4Block>;

template <typename From, typename To>
void convert_blocks(const char* data, int64_t first, int64_t stride, To* to, int64_t count) {
  float values[kBlock];
  uint64_t unpacked = ~uint64_t{0};
  for (int64_t i = 0; i < count; ++i) {
    const auto at = static_cast<uint64_t>(first + i * stride);
    if (at / kBlock != unpacked) {
      unpacked = at / kBlock;
      From block;
      std::memcpy(&block, data + unpacked * sizeof(From), sizeof(From));
      block.unpack(values);
    }
    to[i] = convert<To>(values[at % kBlock]);
  }
}

// Converts elements first, first + stride, … of the values at `data`, which may be at any address.
template <typename From, typename To>
void convert_run(const char* data, int64_t first, int64_t stride, To* to, int64_t count) {
  if constexpr (in_blocks<From>) {
    convert_blocks<From>(data, first, stride, to, count);
  } else {
    const char* from = data + first * static_cast<int64_t>(sizeof(From));
    if (std::is_same_v<From, To> && stride == 1) {
      if (count > 0) std::memcpy(to, from, static_cast<size_t>(count) * sizeof(To));
      return;
    }
    for (int64_t i = 0; i < count; ++i) {
      From value;
      std::memcpy(&value, from + i * stride * static_cast<int64_t>(sizeof(From)), sizeof(From));
      to[i] = convert<To>(value);
    }
  }
}

// Row by row of the last dimension; `to` is contiguous.
template <typename From, typename To>
void convert_view(const StoredTensor& from, To* to, int64_t count) {
  const Shape& shape = from.split_shape.empty() ? from.shape : from.split_shape;
  const size_t rank = shape.size();
  const int64_t length = shape[rank - 1];
  if (count == 0) return;
  parallel_for(count / length, [&](int64_t row) {
    int64_t offset = 0;
    for (int64_t rest = row, dim = static_cast<int64_t>(rank) - 2; dim >= 0; --dim) {
      const auto at = static_cast<size_t>(dim);
      offset += rest % shape[at] * from.strides[at];
      rest /= shape[at];
    }
    convert_run<From>(from.data, offset, from.strides[rank - 1], to + row * length, length);
  });
}

template <typename From, typename To>
bool write_values(const StoredTensor& from, const Tensor& out) {
  write_on_host<To>(out, Before::anything, [&](To* to) {
    const int64_t count = out.numel();
    if (!from.strides.empty()) return convert_view<From>(from, to, count);
    parallel_for((count + kSlab - 1) / kSlab, [&](int64_t slab) {
      const int64_t begin = slab * kSlab;
      convert_run<From>(from.data, begin, 1, to + begin, std::min(kSlab, count - begin));
    });
  });
  return true;
}

template <typename From>
bool convert_to(const StoredTensor& from, const Tensor& out) {
  switch (out.dtype()) {
    case DType::f32: return write_values<From, float>(from, out);
    case DType::f64: return write_values<From, double>(from, out);
    case DType::bf16: return write_values<From, bf16>(from, out);
    case DType::i32: return false;
  }
  return false;
}

struct Conversion {
  std::string_view dtype;
  bool (*run)(const StoredTensor& from, const Tensor& out);
};

// Where a type changes, values below the smallest normal f32 (1.2e-38) may become zero, as in all computations (base/parallel.h).
constexpr Conversion kConversions[] = {
    {"F32", convert_to<float>},    {"BF16", convert_to<bf16>},    {"F16", convert_to<f16>},      {"F64", convert_to<double>},
    {"I8", convert_to<int8_t>},    {"I16", convert_to<int16_t>},  {"I32", convert_to<int32_t>},  {"I64", convert_to<int64_t>},
    {"U8", convert_to<uint8_t>},   {"U16", convert_to<uint16_t>}, {"U32", convert_to<uint32_t>}, {"U64", convert_to<uint64_t>},
    {"BOOL", convert_to<uint8_t>}, {"Q8_0", convert_to<Q8Block>}, {"Q4_0", convert_to<Q4Block>},
};

}  // namespace

int64_t count_values(const Shape& shape) {
  int64_t count = 1;
  for (const int64_t dim : shape) {
    if (__builtin_mul_overflow(count, dim, &count)) return -1;
  }
  return count;
}

bool read_values(const StoredTensor& from, const Tensor& out) {
  if (from.dtype == "I32" && out.dtype() == DType::i32) return write_values<int32_t, int32_t>(from, out);
  for (const Conversion& conversion : kConversions) {
    if (conversion.dtype == from.dtype) return conversion.run(from, out);
  }
  return false;
}

}  // namespace qkv
