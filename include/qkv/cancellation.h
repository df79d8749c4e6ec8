// Cancels long work from another thread or a signal handler.
#pragma once

#include <atomic>

#include "qkv/error.h"

namespace qkv {

// Options of long work have a pointer to a token; null, the default, means that the work cannot be cancelled. The token must outlive the
// work and may serve several calls. Cancelled work throws Error(interrupted) within about a second and leaves no incomplete files. A
// cancelled token stays cancelled.
//
// Thread safety: all functions may be called from any thread; cancel() and cancelled() from a signal handler too.
class CancellationToken {
 public:
  CancellationToken() = default;
  CancellationToken(const CancellationToken&) = delete;
  CancellationToken& operator=(const CancellationToken&) = delete;

  // Returns true if the token was already cancelled.
  bool cancel() noexcept { return cancelled_.exchange(true, std::memory_order_relaxed); }
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_relaxed); }
  void throw_if_cancelled() const {
    if (cancelled()) throw Error(ErrorCode::interrupted, "interrupted");
  }

 private:
  static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");
  std::atomic<bool> cancelled_{false};
};

}  // namespace qkv
