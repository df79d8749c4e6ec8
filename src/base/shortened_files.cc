#include "base/shortened_files.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <string>

#include "base/error.h"

namespace qkv {
namespace {

// The data of the signal handler: lock-free atomics only.
struct Guard {
  std::atomic<uintptr_t> begin{0};  // 0: free
  std::atomic<size_t> size{0};
  std::atomic<bool> broken{false};
};
static_assert(std::atomic<uintptr_t>::is_always_lock_free && std::atomic<bool>::is_always_lock_free);

constexpr size_t kGuards = 1024;
std::array<Guard, kGuards> guards;
std::array<std::string, kGuards> paths;  // guarded by `mutex`
std::string broken_path;                 // of a file whose mapping is gone; guarded by `mutex`
std::mutex mutex;
std::atomic<bool> any_broken{false};
uintptr_t page_size = 4096;

// Maps zeros where the file has ended, up to the mapping's end.
bool patch(uintptr_t address) {
  for (Guard& guard : guards) {
    const uintptr_t begin = guard.begin.load(std::memory_order_acquire);
    if (begin == 0 || address < begin || address >= begin + guard.size.load(std::memory_order_relaxed)) continue;
    const uintptr_t page = address / page_size * page_size;
    const size_t size = begin + guard.size.load(std::memory_order_relaxed) - page;
    if (::mmap(reinterpret_cast<void*>(page), size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED) return false;
    guard.broken.store(true, std::memory_order_relaxed);
    any_broken.store(true, std::memory_order_release);
    return true;
  }
  return false;
}

extern "C" void on_bus_error(int, siginfo_t* info, void*) {
  if (!patch(reinterpret_cast<uintptr_t>(info->si_addr))) std::signal(SIGBUS, SIG_DFL);  // the access faults again and ends the process
}

}  // namespace

void survive_shortened_files() {
  page_size = static_cast<uintptr_t>(::sysconf(_SC_PAGESIZE));
  struct sigaction action {};
  action.sa_sigaction = on_bus_error;
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO;
  sigaction(SIGBUS, &action, nullptr);
}

void throw_if_shortened() {
  if (!any_broken.load(std::memory_order_acquire)) return;
  std::lock_guard lock(mutex);
  std::string path = broken_path;
  for (size_t i = 0; i < kGuards && path.empty(); ++i) {
    if (guards[i].broken) path = paths[i];
  }
  fail(ErrorCode::io, "{} became shorter, or its disk failed, while it was read; leave files alone until the command has ended", path);
}

int internal::guard_mapping(const void* data, size_t size, const std::filesystem::path& path) {
  std::lock_guard lock(mutex);
  for (size_t i = 0; i < kGuards; ++i) {
    if (guards[i].begin.load(std::memory_order_relaxed) != 0) continue;
    paths[i] = path.string();
    guards[i].broken = false;
    guards[i].size = size;
    guards[i].begin.store(reinterpret_cast<uintptr_t>(data), std::memory_order_release);
    return static_cast<int>(i);
  }
  return -1;
}

void internal::forget_mapping(int guard) {
  if (guard < 0) return;
  std::lock_guard lock(mutex);
  const auto i = static_cast<size_t>(guard);
  if (guards[i].broken) broken_path = paths[i];
  guards[i].begin.store(0, std::memory_order_release);
  guards[i].broken = false;
}

}  // namespace qkv
