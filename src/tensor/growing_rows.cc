#include "tensor/growing_rows.h"

#include <sys/mman.h>

#include <algorithm>
#include <new>

#include "tensor/tensor_impl.h"

namespace qkv {
namespace {

constexpr int64_t kPage = 4096, kHugePage = int64_t{2} << 20;

}  // namespace

Storage::Storage(Pages) : pages(true) {}

void Storage::grow_pages(int64_t bytes) {
  const auto wanted = static_cast<size_t>((bytes + kPage - 1) / kPage * kPage);
  void* grown = data ? ::mremap(data, static_cast<size_t>(granted), wanted, MREMAP_MAYMOVE)
                     : ::mmap(nullptr, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (grown == MAP_FAILED) {
    fail(ErrorCode::unsupported, "out of memory: {} bytes of keys and values wanted; try a smaller batch or shorter texts", bytes);
  }
  data = grown;
  granted = static_cast<int64_t>(wanted);
  if (granted >= 4 * kHugePage) ::madvise(data, wanted, MADV_HUGEPAGE);  // a wish: its failure changes nothing
}

void Storage::free_pages() noexcept {
  if (data) ::munmap(data, static_cast<size_t>(granted));
}

GrowingRows::GrowingRows(int64_t cols, DType dtype, Device device) : tensor_(Tensor::empty({0, cols}, dtype, device)) {
  tensor_.impl().storage = std::make_shared<Storage>(Storage::Pages{});
}

void GrowingRows::reserve(int64_t count) {
  constexpr int64_t kLeast = 64;
  if (count <= tensor_.rows()) return;
  const int64_t rows = std::max({count, 2 * tensor_.rows(), kLeast}), cols = tensor_.cols();
  int64_t numel = 0, bytes = 0;
  QKV_CHECK(!__builtin_mul_overflow(rows, cols, &numel) && !__builtin_mul_overflow(numel, size_of(tensor_.dtype()), &bytes),
            "[growing_rows] {} rows of {} values are more than can be counted", rows, cols);
  Tensor::Impl& impl = tensor_.impl();
  if (bytes > 0) impl.storage->grow_pages(bytes);
  impl.shape = {rows, cols};
  impl.numel = numel;
}

}  // namespace qkv
