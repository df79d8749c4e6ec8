// What a template may use up while it is rendered, so that one from a stranger always comes to an end.
#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <stdexcept>
#include <string>
#include <utility>

#include "qkv/error.h"

namespace qkv::jinja {

// An error in a template without its place, which the parser or the interpreter knows.
struct Fault : std::runtime_error {
  Fault(ErrorCode error_code, const std::string& message) : std::runtime_error(message), code(error_code) {}
  ErrorCode code;
};

template <typename... Args>
[[noreturn]] void fault(fmt::format_string<Args...> format, Args&&... args) {
  throw Fault(ErrorCode::bad_input, fmt::format(format, std::forward<Args>(args)...));
}

// For what Jinja has and this subset does not.
template <typename... Args>
[[noreturn]] void fault_unsupported(fmt::format_string<Args...> format, Args&&... args) {
  throw Fault(ErrorCode::unsupported, fmt::format(format, std::forward<Args>(args)...));
}

struct Limits {
  int64_t steps = 20'000'000;          // evaluated expressions and statements, and each 256 bytes of text or 16 values that are made
  int64_t bytes = int64_t{256} << 20;  // of texts and lists that exist at the same time, the output included
  int depth = 700;                     // of expressions, statements and calls inside each other
};

class Budget {
 public:
  explicit Budget(const Limits& limits) : limits_(limits), steps_left_(limits.steps) {}
  Budget(const Budget&) = delete;
  Budget& operator=(const Budget&) = delete;

  void step(int64_t count = 1) {
    if ((steps_left_ -= count) < 0) fault("takes more than {} steps; it may never end", limits_.steps);
  }
  // Work on that many bytes of text, without keeping them.
  void scan(size_t bytes) { step(static_cast<int64_t>(bytes / 256)); }
  // Memory that lives until it is given back.
  void take(size_t bytes) {
    require_room(bytes);
    scan(bytes);
    bytes_ += static_cast<int64_t>(bytes);
  }
  // Faults if something of this size would be too large; for texts that grow before they become values.
  void require_room(size_t bytes) const {
    if (bytes > room()) fault("makes more than {} MiB of text and lists", limits_.bytes >> 20);
  }
  size_t room() const { return static_cast<size_t>(limits_.bytes - bytes_); }
  void give_back(size_t bytes) noexcept { bytes_ -= static_cast<int64_t>(bytes); }

  // Held while something nests.
  class Level {
   public:
    explicit Level(Budget& budget) : budget_(budget) {
      if (budget_.depth_ >= budget_.limits_.depth)
        fault("nests deeper than {} levels; a macro may call itself without end", budget_.limits_.depth);
      ++budget_.depth_;
    }
    ~Level() { --budget_.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;

   private:
    Budget& budget_;
  };

 private:
  Limits limits_;
  int64_t steps_left_;
  int64_t bytes_ = 0;
  int depth_ = 0;
};

}  // namespace qkv::jinja
