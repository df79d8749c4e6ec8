#include "tensor/growing_pages.h"

#include <sys/mman.h>

#include <algorithm>
#include <mutex>
#include <vector>

#include "base/error.h"

namespace qkv {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kLeast = 4 * kHugePage;  // minimum size of an address range

int64_t round_up(int64_t bytes, int64_t multiple) { return (bytes + multiple - 1) / multiple * multiple; }

struct Waiting {
  std::mutex mutex;
  std::vector<Pages> all;
};

Waiting& waiting() {
  static Waiting* instance = new Waiting;  // outlives every tensor, static ones too
  return *instance;
}

void unmap(char* data, int64_t bytes) noexcept {
  if (bytes > 0) ::munmap(data, static_cast<size_t>(bytes));
}

// `bytes` bytes of address space aligned to a huge page, mapped or only reserved (PROT_NONE); null if there is none left.
char* map_aligned(int64_t bytes, int protection) {
  void* found = ::mmap(nullptr, static_cast<size_t>(bytes + kHugePage), protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (found == MAP_FAILED) return nullptr;
  char* const first = static_cast<char*>(found);
  char* const data = first + (kHugePage - static_cast<int64_t>(reinterpret_cast<uintptr_t>(first) % kHugePage)) % kHugePage;
  unmap(first, data - first);
  unmap(data + bytes, first + kHugePage - data);
  return data;
}

// Only aligned 2 MiB ranges become huge pages. With small pages, translating short lines with a tiny model took 6 % longer.
char* map_or_move(Pages old, int64_t bytes) {
  char* const data = map_aligned(bytes, old.data ? PROT_NONE : PROT_READ | PROT_WRITE);
  if (data && old.data &&
      ::mremap(old.data, static_cast<size_t>(old.bytes), static_cast<size_t>(bytes), MREMAP_MAYMOVE | MREMAP_FIXED, data) == MAP_FAILED) {
    unmap(data, bytes);
    return nullptr;
  }
  if (data) ::madvise(data, static_cast<size_t>(bytes), MADV_HUGEPAGE);  // advisory: failure is harmless
  return data;
}

// The pages that have waited longest: caches are created and freed in a fixed order, so each gets pages of the size needed before. Empty if
// none wait.
Pages take_waiting() {
  const std::lock_guard lock(waiting().mutex);
  std::vector<Pages>& all = waiting().all;
  if (all.empty()) return {};
  const Pages taken = all.front();
  all.erase(all.begin());
  return taken;
}

}  // namespace

Pages grow_pages(Pages old, int64_t bytes) {
  const bool first = !old.data;
  if (first) old = take_waiting();
  if (old.bytes >= bytes) return old;
  const int64_t wanted = round_up(std::max(bytes, kLeast), kHugePage);
  char* const data = map_or_move(old, wanted);
  if (!data) {
    if (first) free_pages(old);
    fail(ErrorCode::unsupported, "out of memory: {} bytes wanted for keys and values; try a smaller batch or shorter texts", wanted);
  }
  return {data, wanted};
}

void free_pages(Pages pages) noexcept {
  if (!pages.data) return;
  try {
    const std::lock_guard lock(waiting().mutex);
    waiting().all.push_back(pages);
  } catch (...) {
    unmap(static_cast<char*>(pages.data), pages.bytes);
  }
}

void release_waiting_pages() noexcept {
  const std::lock_guard lock(waiting().mutex);
  for (const Pages& each : waiting().all) unmap(static_cast<char*>(each.data), each.bytes);
  waiting().all.clear();
}

}  // namespace qkv
