#include "tensor/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstring>

#include "tensor/growing_pages.h"
#include "tensor/memory_pool.h"
#include "tensor/tensor_impl.h"

namespace qkv {

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Storage::Storage(int64_t bytes) { data = allocate_block(bytes, granted); }
Storage::Storage(Growing) : grows(true) {}
Storage::~Storage() { grows ? free_pages({data, granted}) : free_block(data); }
void Storage::grow(int64_t bytes) {
  const Pages grown = grow_pages({data, granted}, bytes);
  data = grown.data;
  granted = grown.bytes;
}

namespace {

int64_t product(const Shape& shape) {
  int64_t numel = 1;
  for (int64_t dim : shape) {
    QKV_CHECK(dim >= 0, "[tensor] a dimension of shape {} is negative", to_string(shape));
    QKV_CHECK(!__builtin_mul_overflow(numel, dim, &numel), "[tensor] shape {} has more elements than can be counted", to_string(shape));
  }
  return numel;
}

}  // namespace

Tensor Tensor::empty(Shape shape, DType dtype, Device device) {
  auto impl = std::make_shared<Impl>();
  impl->numel = product(shape);
  impl->shape = std::move(shape);
  impl->dtype = dtype;
  impl->device = device;
  impl->storage = std::make_shared<Storage>(impl->numel * size_of(dtype));
  return Tensor(std::move(impl));
}

Tensor Tensor::zeros(Shape shape, DType dtype, Device device) {
  Tensor result = empty(std::move(shape), dtype, device);
  std::memset(result.data(), 0, static_cast<size_t>(result.numel() * size_of(dtype)));
  return result;
}

Tensor Tensor::from(std::span<const float> values, Shape shape, DType dtype, Device device) {
  Tensor plain = empty(std::move(shape), DType::f32, Device::cpu);
  QKV_CHECK(plain.numel() == static_cast<int64_t>(values.size()), "[tensor] {} values for shape {}", values.size(),
            to_string(plain.shape()));
  if (!values.empty()) std::memcpy(plain.data(), values.data(), values.size_bytes());
  if (dtype == DType::f32 && device == Device::cpu) return plain;
  return plain.to(dtype, device);
}

const Shape& Tensor::shape() const { return impl_->shape; }
int64_t Tensor::dim(int64_t index) const {
  const int64_t count = static_cast<int64_t>(impl_->shape.size());
  if (index < 0) index += count;
  QKV_CHECK(index >= 0 && index < count, "[tensor] dimension {} of shape {}", index, to_string(impl_->shape));
  return impl_->shape[index];
}
int64_t Tensor::numel() const { return impl_->numel; }
DType Tensor::dtype() const { return impl_->dtype; }
Device Tensor::device() const { return impl_->device; }
void* Tensor::data() const { return static_cast<char*>(impl_->storage->data) + impl_->offset; }

View Tensor::view() const {
  if (!impl_) return {};
  return {data(), rows(), cols(), cols(), dtype()};
}

Tensor Tensor::row_range(int64_t begin, int64_t count) const {
  QKV_CHECK(begin >= 0 && count >= 0 && begin + count <= rows(), "[row_range] rows {} to {} of {}", begin, begin + count, rows());
  auto impl = std::make_shared<Impl>();
  impl->shape = {count, cols()};
  impl->numel = count * cols();
  impl->dtype = dtype();
  impl->device = device();
  impl->storage = impl_->storage;
  impl->offset = impl_->offset + begin * cols() * size_of(dtype());
  return Tensor(std::move(impl));
}

Tensor Tensor::reshaped(Shape shape) const {
  auto impl = std::make_shared<Impl>();
  impl->numel = product(shape);
  QKV_CHECK(impl->numel == numel(), "[reshape] {} as {}", to_string(this->shape()), to_string(shape));
  impl->shape = std::move(shape);
  impl->dtype = dtype();
  impl->device = device();
  impl->storage = impl_->storage;
  impl->offset = impl_->offset;
  return Tensor(std::move(impl));
}

namespace {

// The device's copy kernel converts between floating-point types; the reference's reads every type.
void convert(const Tensor& from, const Tensor& to) {
  const bool reference = from.device() == Device::reference || to.device() == Device::reference;
  (reference ? reference_kernels() : cpu_kernels()).copy({.x = from.view(), .out = to.view()});
}

}  // namespace

Tensor Tensor::to(DType dtype, Device device) const {
  Tensor result = empty(shape(), dtype, device);
  result.copy_from(*this);
  return result;
}

std::vector<float> Tensor::to_vector() const {
  std::vector<float> values(static_cast<size_t>(numel()));
  if (values.empty()) return values;
  const Tensor plain = dtype() == DType::f32 ? *this : to(DType::f32, Device::cpu);
  std::memcpy(values.data(), plain.data(), values.size() * sizeof(float));
  return values;
}

void Tensor::copy_from(const Tensor& other) const {
  QKV_CHECK(shape() == other.shape(), "[copy] shape {} into {}", to_string(other.shape()), to_string(shape()));
  if (dtype() == other.dtype()) {
    std::memcpy(data(), other.data(), static_cast<size_t>(numel() * size_of(dtype())));
  } else if (numel() > 0) {
    convert(other, *this);
  }
  touch();
}

void Tensor::fill(float value) const {
  const std::vector<float> values(static_cast<size_t>(numel()), value);
  copy_from(from(values, shape(), dtype(), device()));
}

bool Tensor::requires_grad() const { return impl_ && impl_->requires_grad; }
const Tensor& Tensor::set_requires_grad(bool value) const {
  impl_->requires_grad = value;
  return *this;
}
Tensor Tensor::grad() const { return impl_->grad; }
void Tensor::clear_grad() const { impl_->grad = {}; }
void Tensor::touch() const { ++impl_->storage->version; }
uint64_t Tensor::version() const { return impl_->storage->version; }

const KernelTable& kernels_for(const Tensor& tensor) { return tensor.device() == Device::reference ? reference_kernels() : cpu_kernels(); }

}  // namespace qkv
