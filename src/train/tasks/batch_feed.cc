#include "train/tasks/batch_feed.h"

#include <system_error>

#include "base/error.h"

namespace qkv {

BatchFeed::BatchFeed(const BatchSource& source, int64_t batches_per_update, DataPlace start)
    : source_(source), batches_per_update_(batches_per_update) {
  QKV_CHECK(source.size() > 0 && start.index < source.size(), "[batch feed] batch {} of {}", start.index, source.size());
  try {
    producer_ = std::thread([this, start] { produce(start); });
  } catch (const std::system_error&) {
    place_ = start;  // no thread is available, so next() makes the batches
  }
}

BatchFeed::~BatchFeed() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (producer_.joinable()) producer_.join();
}

Update BatchFeed::next() {
  if (!producer_.joinable()) {
    Update update = make_update(place_);
    place_ = update.next;
    return update;
  }
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return !ready_.empty() || error_; });
  if (ready_.empty()) std::rethrow_exception(error_);
  Update update = std::move(ready_.front());
  ready_.pop_front();
  lock.unlock();
  changed_.notify_all();
  return update;
}

void BatchFeed::produce(DataPlace place) {
  try {
    while (true) {
      Update update = make_update(place);
      place = update.next;
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return ready_.size() < kAhead || stopping_; });
      if (stopping_) return;
      ready_.push_back(std::move(update));
      lock.unlock();
      changed_.notify_all();
    }
  } catch (...) {
    std::lock_guard lock(mutex_);
    error_ = std::current_exception();
    changed_.notify_all();
  }
}

Update BatchFeed::make_update(DataPlace place) {
  if (order_epoch_ != place.epoch) {
    order_ = source_.order(place.epoch);
    order_epoch_ = place.epoch;
  }
  Update update;
  const int64_t end = std::min(place.index + batches_per_update_, source_.size());
  for (int64_t i = place.index; i < end; ++i) {
    update.batches.push_back(source_.batch(place.epoch, order_, i));
    const TrainingBatch& batch = update.batches.back();
    update.target_tokens += batch.predictions();
    update.speed_tokens +=
        batch.target_rows.empty() ? std::ssize(batch.target_out) : std::ssize(batch.source.ids) + std::ssize(batch.target_in.ids);
  }
  update.next = end == source_.size() ? DataPlace{place.epoch + 1, 0} : DataPlace{place.epoch, end};
  return update;
}

}  // namespace qkv
