// A process group of threads, for tests.
#pragma once

#include <condition_variable>
#include <cstring>
#include <exception>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/error.h"
#include "processes/process_group.h"

namespace qkv {

class ThreadGroup final : public ProcessGroup {
 public:
  // The messages on their way between the members.
  struct Mail {
    std::mutex mutex;
    std::condition_variable arrived;
    std::map<std::pair<int, int>, std::vector<std::string>> boxes;  // by sender and receiver
  };

  ThreadGroup(Mail& mail, int rank, int size) : mail_(mail) {
    rank_ = rank;
    hosts_.assign(static_cast<size_t>(size), "here");
  }

  void exchange(int to, std::span<const std::byte> out, int from, std::span<std::byte> in) override {
    std::unique_lock lock(mail_.mutex);
    if (!out.empty()) mail_.boxes[{rank_, to}].emplace_back(reinterpret_cast<const char*>(out.data()), out.size());
    mail_.arrived.notify_all();
    if (in.empty()) return;
    std::vector<std::string>& box = mail_.boxes[{from, rank_}];
    mail_.arrived.wait(lock, [&] { return !box.empty(); });
    QKV_CHECK(box.front().size() == in.size(), "[thread group] a message of {} bytes, {} expected", box.front().size(), in.size());
    std::memcpy(in.data(), box.front().data(), in.size());
    box.erase(box.begin());
  }
  bool leave(const Error&) override { return true; }

 private:
  Mail& mail_;
};

// Runs body(group) as `size` processes would.
template <typename Body>
void run_processes(int size, Body&& body) {
  ThreadGroup::Mail mail;
  std::vector<std::thread> threads;
  for (int rank = 0; rank < size; ++rank) {
    threads.emplace_back([&, rank] {
      ThreadGroup group(mail, rank, size);
      body(group);
    });
  }
  for (std::thread& each : threads) each.join();
}

}  // namespace qkv
