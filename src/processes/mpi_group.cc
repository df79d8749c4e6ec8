#include "processes/mpi_group.h"

#include "base/error.h"

#ifndef QKV_MPI

namespace qkv {

std::unique_ptr<ProcessGroup> join_mpi(const Launch& launch) {
  fail(ErrorCode::unsupported,
       "{} started {} processes, but this qkv was built without MPI; install libopenmpi-dev and openmpi-bin (scripts/deps does) and "
       "configure "
       "and build it again",
       launch.launcher, launch.size);
}

}  // namespace qkv

#else

#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <list>
#include <mutex>
#include <thread>

#include "base/log.h"
#include "base/parallel.h"
#include "processes/mpi_library.h"
#include "processes/peers.h"

namespace qkv {
namespace {

using namespace std::chrono_literals;

constexpr size_t kLargestMessage = size_t{64} << 20;  // bytes; MPI counts them in an int
constexpr int kTag = 1;
constexpr int kLastLooks = 10'000;  // two seconds, in which a message of a process that is done arrives

std::string host_name() {
  char name[256] = {};
  return ::gethostname(name, sizeof name - 1) == 0 ? name : "?";
}

// The processors that this process may run on, as text.
std::string processors() {
  cpu_set_t set;
  CPU_ZERO(&set);
  if (::sched_getaffinity(0, sizeof set, &set) != 0) return "";
  std::string text;
  for (int i = 0; i < CPU_SETSIZE; ++i) text += CPU_ISSET(i, &set) ? '1' : '0';
  return text;
}

// Waits between two looks at a transfer: short at first, as most are nearly done.
void pause(int round) {
  if (round < 200) {
    std::this_thread::yield();
  } else {
    std::this_thread::sleep_for(round < 2000 ? 20us : 200us);
  }
}

class MpiGroup final : public ProcessGroup {
 public:
  explicit MpiGroup(const MpiLibrary& mpi) : mpi_(mpi) {
    start();
    int size = 1;
    check(mpi_.comm_rank(mpi_.world, &rank_));
    check(mpi_.comm_size(mpi_.world, &size));
    check(mpi_.comm_dup(mpi_.world, &data_));
    check(mpi_.comm_dup(mpi_.world, &notices_));
    for (const MPI_Comm each : {data_, notices_}) check(mpi_.comm_set_errhandler(each, mpi_.errors_return));
    launched_ = true;
    hosts_.assign(static_cast<size_t>(size), "");
    peers_ = std::make_unique<Peers>(rank_, size);
    sent_.assign(static_cast<size_t>(size), Sent{});
    describe();
    if (size > 1) watcher_ = std::thread([this] { watch(); });
  }

  ~MpiGroup() override {
    if (size() > 1) {
      if (!left_) notify(Notice{.kind = Notice::done});
      stopping_ = true;
      watcher_.join();
    }
    if (owner_ && (!left_ || finalize_after_error_)) mpi_.finalize();
  }

  void exchange(int to, std::span<const std::byte> out, int from, std::span<std::byte> in) override {
    throw_if_ended();
    std::vector<MPI_Request> requests;
    {
      const std::lock_guard lock(mutex_);
      for (size_t at = 0; at < in.size(); at += kLargestMessage) {
        const int count = static_cast<int>(std::min(kLargestMessage, in.size() - at));
        check(mpi_.irecv(in.data() + at, count, mpi_.byte, from, kTag, data_, &requests.emplace_back()));
      }
      for (size_t at = 0; at < out.size(); at += kLargestMessage) {
        const int count = static_cast<int>(std::min(kLargestMessage, out.size() - at));
        check(mpi_.isend(out.data() + at, count, mpi_.byte, to, kTag, data_, &requests.emplace_back()));
      }
    }
    for (int round = 0; !complete(requests); ++round) {
      const bool alone = peers_->done(from) || peers_->done(to);
      if (alone && round > kLastLooks) {
        abandon(requests);
        throw EndedElsewhere(ErrorCode::interrupted, "another process ended before this one");
      }
      if (peers_->ending()) {
        abandon(requests);
        throw_if_ended();
      }
      pause(round);
    }
  }

  bool leave(const Error& error) override {
    if (left_ || size() == 1) return true;
    left_ = true;
    const auto* elsewhere = dynamic_cast<const EndedElsewhere*>(&error);
    Notice notice{.kind = elsewhere ? Notice::ended_elsewhere : Notice::failed, .code = static_cast<int32_t>(error.code())};
    std::strncpy(notice.text, error.what(), sizeof notice.text - 1);
    notify(notice);
    const auto until = Peers::Clock::now() + 3s;
    while (!peers_->all_left() && Peers::Clock::now() < until) std::this_thread::sleep_for(1ms);
    finalize_after_error_ = clean_ && peers_->all_left();
    if (!finalize_after_error_) std::this_thread::sleep_for(100ms);  // for the notices, before the process ends
    return !elsewhere && !peers_->failed(rank_);
  }

 private:
  struct Sent {
    MPI_Request request = nullptr;
    Notice notice;
  };

  void check(int result) const {
    if (result == MPI_SUCCESS) return;
    char text[MPI_MAX_ERROR_STRING] = {};
    int length = 0;
    mpi_.error_string(result, text, &length);
    fail(ErrorCode::io, "the connection between the processes failed: {}", std::string(text, static_cast<size_t>(length)));
  }

  void start() {
    int running = 0, provided = 0;
    check(mpi_.initialized(&running));
    owner_ = !running;
    if (owner_) check(mpi_.init_thread(nullptr, nullptr, MPI_THREAD_SERIALIZED, &provided));
    if (owner_ && provided < MPI_THREAD_SERIALIZED) fail(ErrorCode::unsupported, "this MPI does not work with several threads");
  }

  // Tells all who is where, and divides a host's processors among the processes that may run on the same ones.
  void describe() {
    const std::string mine = processors();
    const std::vector<std::string> all = gather(host_name() + " " + mine);
    for (size_t i = 0; i < all.size(); ++i) hosts_[i] = all[i].substr(0, all[i].find(' '));
    const auto sharing = std::count(all.begin(), all.end(), all[static_cast<size_t>(rank_)]);
    threads_ = std::max(1, default_num_threads() / static_cast<int>(sharing));
  }

  bool complete(std::vector<MPI_Request>& requests) {
    const std::lock_guard lock(mutex_);
    int done = 0;
    check(mpi_.testall(static_cast<int>(requests.size()), requests.data(), &done, MPI_STATUSES_IGNORE));
    return done != 0;
  }

  // Withdraws transfers whose memory is about to be freed. Where that fails, MPI is not used any more.
  void abandon(std::vector<MPI_Request>& requests) {
    {
      const std::lock_guard lock(mutex_);
      for (MPI_Request& each : requests) {
        int done = 0;
        mpi_.test(&each, &done, MPI_STATUS_IGNORE);
        if (!done) mpi_.cancel(&each);
      }
    }
    const auto until = Peers::Clock::now() + 500ms;
    while (!complete(requests)) {
      if (Peers::Clock::now() > until) {
        clean_ = false;
        return;
      }
      std::this_thread::sleep_for(1ms);
    }
  }

  void throw_if_ended() const {
    const auto ending = peers_->ending();
    if (!ending) return;
    if (!ending->lost) throw EndedElsewhere(ending->error.code(), fmt::format("{}: {}", name(ending->rank), ending->error.what()));
    const std::string message = lost_message(ending->rank);
    if (peers_->first_of_the_rest()) throw Error(ErrorCode::io, message);
    throw EndedElsewhere(ErrorCode::io, message);
  }

  std::string lost_message(int rank) const {
    return fmt::format(
        "{} was not heard from for {} seconds: it ended, or its host or the network failed; --resume goes on from the last checkpoint",
        name(rank), Peers::kLostAfter.count());
  }

  // Sends a notice to everybody. One that is still on its way to a process is not overtaken by a sign of life.
  void notify(const Notice& notice) {
    const std::lock_guard lock(mutex_);
    if (!clean_) return;
    for (int to = 0; to < size(); ++to) {
      Sent& sent = sent_[static_cast<size_t>(to)];
      if (to == rank_) continue;
      int done = 1;
      if (sent.request && mpi_.test(&sent.request, &done, MPI_STATUS_IGNORE) != MPI_SUCCESS) continue;
      if (!done && notice.kind == Notice::alive) continue;
      Sent& slot = done ? sent : last_words_.emplace_back();
      slot.notice = notice;
      const size_t length = notice.kind == Notice::alive ? offsetof(Notice, text) : sizeof(Notice);
      if (mpi_.isend(&slot.notice, static_cast<int>(length), mpi_.byte, to, kTag, notices_, &slot.request) != MPI_SUCCESS)
        slot.request = nullptr;
    }
  }

  void listen() {
    const std::lock_guard lock(mutex_);
    if (!clean_) return;
    while (true) {
      int found = 0;
      MPI_Status status;
      if (mpi_.iprobe(MPI_ANY_SOURCE, kTag, notices_, &found, &status) != MPI_SUCCESS || !found) return;
      Notice notice;
      if (mpi_.recv(&notice, sizeof notice, mpi_.byte, status.MPI_SOURCE, kTag, notices_, MPI_STATUS_IGNORE) != MPI_SUCCESS) return;
      notice.text[sizeof notice.text - 1] = '\0';
      peers_->heard(status.MPI_SOURCE, notice);
    }
  }

  // The watching thread: signs of life every second. If another process is lost while this one computes for long or hangs, the thread
  // ends the process itself, since nothing that it computes can be used any more.
  void watch() {
    constexpr auto kGrace = 5s;
    Peers::Clock::time_point last_sign{}, lost_since{};
    while (!stopping_) {
      const auto now = Peers::Clock::now();
      if (now - last_sign > 1s) {
        last_sign = now;
        if (!left_) notify({});
      }
      listen();
      peers_->check(now);
      const auto ending = peers_->ending();
      if (ending && ending->lost && !left_) {
        if (lost_since == Peers::Clock::time_point{}) lost_since = now;
        if (now - lost_since > kGrace) {
          if (peers_->first_of_the_rest()) log_message(LogLevel::quiet, "error: " + lost_message(ending->rank));
          ::_exit(1);
        }
      }
      std::this_thread::sleep_for(left_ ? 1ms : 20ms);
    }
  }

  const MpiLibrary mpi_;
  bool owner_ = false;  // of MPI_Finalize
  MPI_Comm data_{}, notices_{};
  std::mutex mutex_;  // one thread at a time calls MPI
  std::unique_ptr<Peers> peers_;
  std::vector<Sent> sent_;  // the latest notice to each process
  std::list<Sent> last_words_;
  std::thread watcher_;
  std::atomic<bool> stopping_{false}, left_{false}, clean_{true};
  bool finalize_after_error_ = false;
};

}  // namespace

std::unique_ptr<ProcessGroup> join_mpi(const Launch&) { return std::make_unique<MpiGroup>(load_mpi()); }

}  // namespace qkv

#endif
