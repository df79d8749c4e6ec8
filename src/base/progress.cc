#include "base/progress.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/log.h"
#include "base/terminal.h"

namespace qkv {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kRedraw{200}, kFirst{500};

// The cursor rests in the first column. A terminal that wraps the line when it becomes narrower leaves the cursor on the first row of it,
// so that erasing to the end of the screen removes all rows.
constexpr std::string_view kErase = "\r\033[J";

// Another program has the terminal: a job in the background draws nothing.
bool in_background(std::FILE* stream) {
  const pid_t foreground = tcgetpgrp(fileno(stream));
  return foreground >= 0 && foreground != getpgrp();
}

// A lost terminal (SIGHUP) must not end any work.
void write_to(std::FILE* stream, std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stream);
  std::fflush(stream);
}

// State shared by all progress lines of the process, at most one of which is on the terminal.
struct Terminal {
  std::mutex mutex;
  std::FILE* shows = nullptr;  // where a line stands now

  void erase() {
    if (shows) write_to(shows, kErase);
    shows = nullptr;
  }
};

Terminal& terminal() {
  static Terminal& only = *new Terminal;  // outlives every line
  return only;
}

}  // namespace

struct ProgressLine::Impl {
  explicit Impl(std::FILE* where) : stream(where) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);  // signals go to the threads that wait for input
    try {
      ticker = std::thread([this] { tick(); });
    } catch (const std::system_error&) {
      // The system makes no more threads: show() alone draws.
    }
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
  }

  ~Impl() {
    {
      const std::lock_guard lock(terminal().mutex);
      remove();
      stopping = true;
    }
    changed.notify_all();
    if (ticker.joinable()) ticker.join();
  }

  void tick() {
    std::unique_lock lock(terminal().mutex);
    while (!changed.wait_for(lock, kRedraw, [this] { return stopping; })) draw();
  }

  // The functions below are called with the lock held.
  void remove() {
    text.clear();
    if (terminal().shows == stream) terminal().erase();
  }

  void draw() {
    const auto now = Clock::now();
    if (text.empty() || now < first || in_background(stream)) return;
    constexpr std::string_view kMarks = "|/-\\";
    std::string line = fmt::format("{} {}", kMarks[(drawn++) % kMarks.size()], text);
    if (timed) line += fmt::format("  {}", format_duration(std::chrono::duration<double>(now - start).count()));
    write_to(stream, fmt::format("{}{}\r", kErase, cut_to_columns(line, static_cast<size_t>(terminal_width(fileno(stream), 80)) - 1)));
    terminal().shows = stream;
    next = now + kRedraw / 2;
  }

  std::FILE* stream;
  std::string text;    // empty: nothing is shown
  bool timed = false;  // with the time since `start`
  Clock::time_point start, first, next;
  size_t drawn = 0;
  bool stopping = false;
  std::condition_variable changed;
  std::thread ticker;  // last: it starts when the rest is there
};

ProgressLine::ProgressLine(std::FILE* stream) {
  if (isatty(fileno(stream)) == 1 && log_level() >= LogLevel::normal) impl_ = std::make_unique<Impl>(stream);
}

ProgressLine::~ProgressLine() = default;

void ProgressLine::begin(std::string_view activity) {
  if (!impl_) return;
  const std::lock_guard lock(terminal().mutex);
  impl_->text = activity;
  impl_->timed = true;
  impl_->start = Clock::now();
  impl_->first = terminal().shows ? impl_->start : impl_->start + kFirst;
}

void ProgressLine::show(std::string_view text) {
  if (!impl_) return;
  const std::lock_guard lock(terminal().mutex);
  impl_->text = text;
  impl_->timed = false;
  impl_->first = {};
  if (Clock::now() >= impl_->next) impl_->draw();
}

void ProgressLine::clear() {
  if (!impl_) return;
  const std::lock_guard lock(terminal().mutex);
  impl_->remove();
}

ProgressPause::ProgressPause() {
  terminal().mutex.lock();
  terminal().erase();
}
ProgressPause::~ProgressPause() { terminal().mutex.unlock(); }

std::string cut_to_columns(std::string_view text, size_t columns) {
  std::string cut;
  size_t used = 0;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<unsigned char>(text[i]);
    const size_t bytes = std::min<size_t>(lead < 0xC0 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4, text.size() - i);
    const size_t wide = lead >= 0xE3 && lead != 0xEF ? 2 : 1;  // CJK and emoji
    if (used + wide > columns) break;
    used += wide;
    const bool control = lead < 0x20 || lead == 0x7F || (lead == 0xC2 && bytes == 2 && static_cast<unsigned char>(text[i + 1]) < 0xA0);
    cut += control ? std::string_view(" ") : text.substr(i, bytes);
    i += bytes;
  }
  return cut;
}

std::string format_duration(double seconds) {
  const auto whole = static_cast<long long>(std::llround(std::clamp(seconds, 0.0, 1e9)));
  if (whole < 60) return fmt::format("{} s", whole);
  if (whole < 3600) return fmt::format("{}:{:02d}", whole / 60, whole % 60);
  return fmt::format("{}:{:02d}:{:02d}", whole / 3600, whole / 60 % 60, whole % 60);
}

}  // namespace qkv
