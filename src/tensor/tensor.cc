#include "tensor/tensor.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "tensor/growing_pages.h"
#include "tensor/memory_pool.h"
#include "tensor/tensor_impl.h"

namespace qkv {

std::string to_string(const Shape& shape) { return fmt::format("[{}]", fmt::join(shape, ", ")); }

Storage::Storage(int64_t bytes, Device on) : device(on) { data = allocate_block(bytes, granted, on); }
Storage::Storage(Growing, Device on) : device(on), grows(true) {}
Storage::~Storage() {
  if (grows && kernels_of(device).memory.shared_with_host) {
    free_pages({data, granted});
  } else if (data) {
    free_block(data, device);
  }
}

// Remaps pages of the host; on other devices copies the content into a larger block.
void Storage::grow(int64_t bytes) {
  const DeviceMemory& memory = kernels_of(device).memory;
  if (memory.shared_with_host) {
    const Pages grown = grow_pages({data, granted}, bytes);
    data = grown.data;
    granted = grown.bytes;
    return;
  }
  int64_t larger = 0;
  void* block = allocate_block(bytes, larger, device);
  if (data) {
    memory.copy_within(data, block, granted);
    free_block(data, device);
  }
  data = block;
  granted = larger;
}

namespace {

int64_t product(const Shape& shape) {
  int64_t numel = 1;
  for (int64_t dim : shape) {
    QKV_CHECK(dim >= 0, "[tensor] a dimension of shape {} is negative", to_string(shape));
    QKV_REQUIRE(!__builtin_mul_overflow(numel, dim, &numel), "[tensor] shape {} has more elements than can be counted", to_string(shape));
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
  impl->storage = std::make_shared<Storage>(impl->numel * size_of(dtype), device);
  return Tensor(std::move(impl));
}

Tensor Tensor::zeros(Shape shape, DType dtype, Device device) {
  Tensor result = empty(std::move(shape), dtype, device);
  kernels_of(device).memory.fill(result.view().data, 0, result.numel() * size_of(dtype));
  return result;
}

Tensor Tensor::from(std::span<const float> values, Shape shape, DType dtype, Device device) {
  Tensor plain = empty(std::move(shape), DType::f32, Device::cpu);
  QKV_CHECK(plain.numel() == static_cast<int64_t>(values.size()), "[tensor] {} values for shape {}", values.size(),
            to_string(plain.shape()));
  plain.copy_from_host(values.data());
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

View Tensor::view() const {
  if (!impl_) return {};
  if (!impl_->storage) make_dense(*impl_);
  const bool scalar = impl_->shape.empty();
  const int64_t columns = scalar ? 1 : cols();
  return {static_cast<char*>(impl_->storage->data) + impl_->offset, scalar ? 1 : rows(), columns, columns, dtype()};
}

void* Tensor::host_data() const {
  const KernelTable& kernels = kernels_of(device());
  if (!kernels.memory.shared_with_host) fail(ErrorCode::internal, "[tensor] the host asks for the memory of the device {}", kernels.name);
  return view().data;
}

Tensor Tensor::row_range(int64_t begin, int64_t count) const {
  QKV_CHECK(begin >= 0 && count >= 0 && begin + count <= rows(), "[row_range] rows {} to {} of {}", begin, begin + count, rows());
  auto impl = std::make_shared<Impl>();
  impl->shape = {count, cols()};
  impl->numel = count * cols();
  impl->dtype = dtype();
  impl->device = device();
  if (!impl_->storage) make_dense(*impl_);
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
  if (!impl_->storage) make_dense(*impl_);
  impl->storage = impl_->storage;
  impl->offset = impl_->offset;
  return Tensor(std::move(impl));
}

namespace {

// The device's copy kernel converts between floating-point types; the reference's kernel reads every type.
void convert(const Tensor& from, const Tensor& to) {
  const Device device = from.device() == Device::reference ? from.device() : to.device();
  kernels_of(device).copy({.x = from.view(), .out = to.view()});
}

bool shared_with_host(const Tensor& tensor) { return kernels_for(tensor).memory.shared_with_host; }

// `tensor` itself if the host can read it, else a copy in host memory.
Tensor on_host(const Tensor& tensor) {
  if (shared_with_host(tensor)) return tensor;
  const Tensor copy = Tensor::empty(tensor.shape(), tensor.dtype());
  tensor.copy_to_host(copy.view().data);
  return copy;
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
  (dtype() == DType::f32 ? *this : to(DType::f32, Device::cpu)).copy_to_host(values.data());
  return values;
}

void Tensor::copy_from(const Tensor& other) const {
  QKV_CHECK(shape() == other.shape(), "[copy] shape {} into {}", to_string(other.shape()), to_string(shape()));
  const bool same_memory = device() == other.device() || (shared_with_host(*this) && shared_with_host(other));
  if (!same_memory) {
    const Tensor there = on_host(other);
    copy_from_host(
        (there.dtype() == dtype() ? there : there.to(dtype(), device() == Device::reference ? device() : Device::cpu)).view().data);
  } else if (dtype() == other.dtype()) {
    kernels_for(*this).memory.copy_within(other.view().data, view().data, numel() * size_of(dtype()));
  } else if (numel() > 0) {
    convert(other, *this);
  }
  touch();
}

void Tensor::copy_to_host(void* host) const { kernels_for(*this).memory.copy_to_host(view().data, host, numel() * size_of(dtype())); }
void Tensor::copy_from_host(const void* host) const {
  kernels_for(*this).memory.copy_from_host(host, view().data, numel() * size_of(dtype()));
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
void Tensor::touch() const {
  if (!impl_->storage) make_dense(*impl_);
  ++impl_->storage->version;
}

}  // namespace qkv
