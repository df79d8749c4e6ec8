#include "base/interrupt.h"

#include <csignal>

#include <atomic>

#include "base/error.h"

namespace qkv {
namespace {

std::atomic<bool> interrupted_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

extern "C" void on_interrupt(int signal_number) {
  if (interrupted_flag.exchange(true)) {
    std::signal(signal_number, SIG_DFL);  // async-signal-safe; the raised signal is delivered when the handler returns
    std::raise(signal_number);
  }
}

}  // namespace

void catch_interrupts() {
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a read from the terminal ends, so that interactive commands see the flag
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

bool interrupted() { return interrupted_flag.load(std::memory_order_relaxed); }

void throw_if_interrupted() {
  if (interrupted()) fail(ErrorCode::interrupted, "interrupted");
}

}  // namespace qkv
