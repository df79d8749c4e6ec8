// What a process knows of the others of its group: who was heard from when, and who left with an error.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "qkv/error.h"

namespace qkv {

// A message between the processes besides their data; short ones omit the text.
struct Notice {
  enum Kind : int32_t { alive, done, failed, ended_elsewhere };
  int32_t kind = alive;
  int32_t code = 0;  // ErrorCode of `failed`
  char text[1000] = {};
};

// Thread-safe.
class Peers {
 public:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kLostAfter{20};  // without a sign of life

  Peers(int rank, int size) : rank_(rank), all_(static_cast<size_t>(size)) {}

  void heard(int rank, const Notice& notice);
  // Marks those that were not heard from for too long as lost.
  void check(Clock::time_point now);

  // The first process that failed, with its error, or that was lost.
  struct Ending {
    int rank;
    bool lost;
    Error error;
  };
  std::optional<Ending> ending() const;
  bool done(int rank) const;       // it ended in the belief that all is done
  bool all_left() const;           // with a notice
  bool failed(int below) const;    // one with a lower number failed by itself
  bool first_of_the_rest() const;  // all with lower numbers are lost

 private:
  struct Peer {
    Clock::time_point heard = Clock::now();
    bool left = false, done = false, lost = false;
    std::optional<Error> failure;
  };
  const int rank_;
  mutable std::mutex mutex_;
  std::vector<Peer> all_;
};

}  // namespace qkv
