#include "processes/peers.h"

#include <algorithm>

namespace qkv {

void Peers::heard(int rank, const Notice& notice) {
  const std::lock_guard lock(mutex_);
  Peer& peer = all_[static_cast<size_t>(rank)];
  peer.heard = Clock::now();
  peer.left = peer.left || notice.kind != Notice::alive;
  peer.done = peer.done || notice.kind == Notice::done;
  if (notice.kind == Notice::failed) peer.failure.emplace(static_cast<ErrorCode>(notice.code), notice.text);
}

void Peers::check(Clock::time_point now) {
  const std::lock_guard lock(mutex_);
  for (int rank = 0; rank < static_cast<int>(all_.size()); ++rank) {
    Peer& peer = all_[static_cast<size_t>(rank)];
    if (rank != rank_ && !peer.left && now - peer.heard > kLostAfter) peer.lost = true;
  }
}

std::optional<Peers::Ending> Peers::ending() const {
  const std::lock_guard lock(mutex_);
  for (int rank = 0; rank < static_cast<int>(all_.size()); ++rank) {
    const Peer& peer = all_[static_cast<size_t>(rank)];
    if (peer.failure) return Ending{rank, false, *peer.failure};
    if (peer.lost) return Ending{rank, true, Error(ErrorCode::io, "")};
  }
  return std::nullopt;
}

bool Peers::done(int rank) const {
  const std::lock_guard lock(mutex_);
  return all_[static_cast<size_t>(rank)].done;
}

bool Peers::all_left() const {
  const std::lock_guard lock(mutex_);
  for (int rank = 0; rank < static_cast<int>(all_.size()); ++rank) {
    if (rank != rank_ && !all_[static_cast<size_t>(rank)].left) return false;
  }
  return true;
}

bool Peers::failed(int below) const {
  const std::lock_guard lock(mutex_);
  return std::any_of(all_.begin(), all_.begin() + below, [](const Peer& peer) { return peer.failure.has_value(); });
}

bool Peers::first_of_the_rest() const {
  const std::lock_guard lock(mutex_);
  return std::all_of(all_.begin(), all_.begin() + rank_, [](const Peer& peer) { return peer.lost; });
}

}  // namespace qkv
