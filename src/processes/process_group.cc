#include "processes/process_group.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>

#include "base/error.h"
#include "processes/launch.h"
#include "processes/mpi_group.h"

namespace qkv {
namespace {

class SingleProcess final : public ProcessGroup {
 public:
  void exchange(int, std::span<const std::byte>, int, std::span<std::byte>) override {
    fail(ErrorCode::internal, "[processes] a single process has no partner");
  }
  bool leave(const Error&) override { return true; }
};

// Of several processes that cannot meet, the first says why.
std::unique_ptr<ProcessGroup> join(const Launch& launch) {
  if (!launch.several) return std::make_unique<SingleProcess>();
  try {
    if (!launch.unwired) return join_mpi(launch);
    fail(ErrorCode::unsupported, "{}",
         launch.launcher == "srun"
             ? "srun started several processes without a connection for MPI; use srun --mpi=pmix, or mpirun in the allocation"
             : "the mpirun in use is not Open MPI's, which this qkv works with; use that of openmpi-bin");
  } catch (const Error& error) {
    if (launch.first) throw;
    throw EndedElsewhere(error.code(), error.what());
  }
}

}  // namespace

std::string ProcessGroup::name(int rank) const {
  return host(rank).empty() ? fmt::format("process {}", rank) : fmt::format("process {} (on {})", rank, host(rank));
}

// A binomial tree: in round `bit`, process r < bit sends to r + bit.
void ProcessGroup::broadcast(std::span<std::byte> data) {
  for (int bit = 1; bit < size(); bit *= 2) {
    if (rank_ < bit) {
      if (rank_ + bit < size()) exchange(rank_ + bit, data, 0, {});
    } else if (rank_ < 2 * bit) {
      exchange(0, {}, rank_ - bit, data);
    }
  }
}

std::string ProcessGroup::broadcast(const std::string& text) {
  uint64_t length = text.size();
  broadcast(std::as_writable_bytes(std::span(&length, 1)));
  std::string result = text;
  result.resize(length);
  broadcast(std::as_writable_bytes(std::span(result)));
  return result;
}

double ProcessGroup::broadcast(double value) {
  broadcast(std::as_writable_bytes(std::span(&value, 1)));
  return value;
}

std::vector<std::string> ProcessGroup::gather(const std::string& text) {
  std::vector<std::string> texts{text};
  if (size() == 1) return texts;
  if (!first()) {
    const uint64_t length = text.size();
    exchange(0, std::as_bytes(std::span(&length, 1)), 0, {});
    exchange(0, std::as_bytes(std::span(text)), 0, {});
  }
  texts.resize(static_cast<size_t>(size()));
  for (int from = 1; first() && from < size(); ++from) {
    uint64_t length = 0;
    exchange(0, {}, from, std::as_writable_bytes(std::span(&length, 1)));
    texts[static_cast<size_t>(from)].resize(length);
    exchange(0, {}, from, std::as_writable_bytes(std::span(texts[static_cast<size_t>(from)])));
  }
  if (first()) texts[0] = text;
  for (std::string& each : texts) each = broadcast(each);
  return texts;
}

// Dissemination (Hensgen, Finkel and Manber 1988): after round k, a process has heard from the 2^k ones before it.
void ProcessGroup::wait_for_all() {
  const std::byte out{};
  std::byte in{};
  for (int distance = 1; distance < size(); distance *= 2)
    exchange((rank_ + distance) % size(), std::span(&out, 1), (rank_ + size() - distance) % size(), std::span(&in, 1));
}

void ProcessGroup::tree_sum(std::span<double> values) {
  if (size() == 1 || values.empty()) return;
  std::vector<double> other(values.size());
  if (!std::has_single_bit(static_cast<unsigned>(size()))) {
    const std::string mine(reinterpret_cast<const char*>(values.data()), values.size_bytes());
    std::fill(values.begin(), values.end(), 0.0);
    for (const std::string& each : gather(mine)) {
      std::memcpy(other.data(), each.data(), each.size());
      for (size_t i = 0; i < values.size(); ++i) values[i] += other[i];
    }
    return;
  }
  for (int bit = 1; bit < size(); bit *= 2) {
    const int partner = rank_ ^ bit;
    exchange(partner, std::as_bytes(values), partner, std::as_writable_bytes(std::span(other)));
    for (size_t i = 0; i < values.size(); ++i) values[i] += other[i];
  }
}

ProcessGroup& process_group() {
  static const std::unique_ptr<ProcessGroup> group = join(find_launch());
  return *group;
}

}  // namespace qkv
