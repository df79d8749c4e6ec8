#include "train/batch_feed.h"

#include "base/error.h"

namespace qkv {

PairBatch make_pair_batch(const ParallelCorpus& corpus, std::span<const int32_t> pairs, int32_t decoder_start) {
  PairBatch batch;
  std::vector<int32_t> source_lengths, target_lengths;
  for (const int32_t pair : pairs) {
    const std::span<const int32_t> source = corpus.source(pair), target = corpus.target(pair);
    source_lengths.push_back(static_cast<int32_t>(source.size()));
    target_lengths.push_back(static_cast<int32_t>(target.size()));
    batch.source.ids.insert(batch.source.ids.end(), source.begin(), source.end());
    batch.target_in.ids.push_back(decoder_start);
    batch.target_in.ids.insert(batch.target_in.ids.end(), target.begin(), target.end() - 1);
    batch.target_out.insert(batch.target_out.end(), target.begin(), target.end());
  }
  batch.source.segments = Segments::of_lengths(source_lengths);
  batch.target_in.segments = Segments::of_lengths(target_lengths);
  return batch;
}

BatchFeed::BatchFeed(const ParallelCorpus& corpus, const Batches& batches, int32_t decoder_start, int64_t batches_per_update,
                     DataPlace start)
    : corpus_(corpus), batches_(batches), decoder_start_(decoder_start), batches_per_update_(batches_per_update) {
  QKV_CHECK(batches.size() > 0 && start.index < batches.size(), "[batch feed] batch {} of {}", start.index, batches.size());
  producer_ = std::thread([this, start] { produce(start); });
}

BatchFeed::~BatchFeed() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  producer_.join();
}

Update BatchFeed::next() {
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
    order_ = batches_.order(place.epoch);
    order_epoch_ = place.epoch;
  }
  Update update;
  const int64_t end = std::min(place.index + batches_per_update_, batches_.size());
  for (int64_t i = place.index; i < end; ++i) {
    update.batches.push_back(make_pair_batch(corpus_, batches_.batch(order_[static_cast<size_t>(i)]), decoder_start_));
    update.target_tokens += static_cast<int64_t>(update.batches.back().target_out.size());
  }
  update.next = end == batches_.size() ? DataPlace{place.epoch + 1, 0} : DataPlace{place.epoch, end};
  return update;
}

}  // namespace qkv
