#include "base/interrupt.h"

#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>

namespace qkv {
namespace {

std::atomic<CancellationToken*> cancelled_by_signals{nullptr};
std::atomic<const char*> message{nullptr};
static_assert(std::atomic<void*>::is_always_lock_free, "a signal handler may only touch lock-free atomics");

void write_message(const char* text) {
  const int before = errno;
  // A failure to write (the terminal is gone) does not matter.
  if (::write(STDERR_FILENO, text, std::strlen(text)) < 0) errno = before;
}

extern "C" void on_interrupt(int signal_number) {
  if (cancelled_by_signals.load()->cancel()) {
    if (signal_number == SIGXCPU) return;                                                     // comes every second from the limit on
    if (const char* text = message.load(); text && *text == '\r') write_message("\r\033[J");  // a line of progress goes
    std::signal(signal_number, SIG_DFL);  // async-signal-safe; the raised signal is delivered when the handler returns
    std::raise(signal_number);
    return;
  }
  if (const char* text = message.load()) write_message(text);
}

bool is_ignored(int signal_number) {
  struct sigaction action {};
  return sigaction(signal_number, nullptr, &action) == 0 && action.sa_handler == SIG_IGN;
}

}  // namespace

void catch_interrupts(CancellationToken& token, const char* acknowledgement) {
  cancelled_by_signals = &token;
  message = acknowledgement;
  struct sigaction action {};
  action.sa_handler = on_interrupt;
  sigemptyset(&action.sa_mask);
  action.sa_flags = 0;  // no SA_RESTART: a read from the terminal ends, so that interactive commands see the token
  for (const int signal_number : {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGXCPU}) {
    if (signal_number != SIGHUP || !is_ignored(SIGHUP)) sigaction(signal_number, &action, nullptr);
  }
}

}  // namespace qkv
