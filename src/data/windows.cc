#include "data/windows.h"

#include <algorithm>

#include "base/error.h"
#include "data/shuffle.h"

namespace qkv {
namespace {

constexpr int64_t kOnce = -1;  // the epoch number for grouping documents into batches

}  // namespace

std::vector<Window> consecutive_windows(const TextCorpus& corpus, int64_t context) {
  QKV_REQUIRE(context >= 1 && context <= INT32_MAX, "[windows] a context of {} tokens cannot be", context);
  std::vector<Window> windows;
  for (int64_t i = 0; i < corpus.documents(); ++i) {
    const std::span<const int32_t> document = corpus.document(i);
    const int64_t begin = document.data() - corpus.tokens().data(), predictions = static_cast<int64_t>(document.size()) - 1;
    for (int64_t done = 0; done < predictions; done += context) {
      windows.push_back({begin + done, static_cast<int32_t>(std::min(context, predictions - done))});
    }
  }
  return windows;
}

std::vector<int64_t> batch_starts(std::span<const Window> windows, int64_t batch_tokens) {
  std::vector<int64_t> starts;
  int64_t tokens = 0;
  for (size_t i = 0; i < windows.size(); ++i) {
    if (starts.empty() || tokens + windows[i].length > batch_tokens) {
      starts.push_back(static_cast<int64_t>(i));
      tokens = 0;
    }
    tokens += windows[i].length;
  }
  starts.push_back(static_cast<int64_t>(windows.size()));
  return starts;
}

WindowBatches::WindowBatches(const TextCorpus& corpus, const WindowOptions& options)
    : options_(options), predictions_(static_cast<int64_t>(corpus.tokens().size()) - 1) {
  QKV_REQUIRE(options.context >= 1 && options.context <= options.batch_tokens, "[windows] a batch of {} tokens holds no window of {}",
              options.batch_tokens, options.context);
  if (predictions_ < 1) fail(ErrorCode::bad_input, "the text to train on has one token; there is nothing to predict");
  if (options.whole_documents) {
    const std::vector<Window> windows = consecutive_windows(corpus, options.context);
    QKV_REQUIRE(windows.size() <= INT32_MAX, "[windows] {} documents are too many; at most {} fit", windows.size(), INT32_MAX);
    for (const int32_t i : shuffled(static_cast<int64_t>(windows.size()), options.seed, kOnce))
      documents_.push_back(windows[static_cast<size_t>(i)]);
    starts_ = batch_starts(documents_, options.batch_tokens);
    size_ = static_cast<int64_t>(starts_.size()) - 1;
  } else {
    windows_ = std::max<int64_t>(1, predictions_ / options.context);
    QKV_REQUIRE(windows_ <= INT32_MAX, "[windows] {} windows are too many; at most {} fit, use a longer context", windows_, INT32_MAX);
    per_batch_ = std::min(windows_, options.batch_tokens / options.context);
    size_ = windows_ / per_batch_;
  }
}

std::vector<int32_t> WindowBatches::order(int64_t epoch) const {
  return shuffled(options_.whole_documents ? size_ : windows_, options_.seed, epoch);
}

// Window `number` of the contiguous ones from `offset` on. If the last one would exceed the text, it is the text before the offset instead.
Window WindowBatches::epoch_window(int64_t offset, int64_t number) const {
  const int64_t begin = offset + number * options_.context;
  if (begin + options_.context <= predictions_) return {begin, static_cast<int32_t>(options_.context)};
  return {0, static_cast<int32_t>(offset > 0 ? offset : predictions_)};
}

std::vector<Window> WindowBatches::batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const {
  QKV_CHECK(index >= 0 && index < size_, "[windows] there is no batch {} of {}", index, size_);
  std::vector<Window> batch;
  if (options_.whole_documents) {
    const auto chosen = static_cast<size_t>(order[static_cast<size_t>(index)]);
    batch.assign(documents_.begin() + starts_[chosen], documents_.begin() + starts_[chosen + 1]);
  } else {
    // A text shorter than a window is always the same window.
    const int64_t offsets = predictions_ >= options_.context ? options_.context : 1;
    const auto offset = static_cast<int64_t>(epoch_stream(options_.seed, epoch, EpochDraw::offset).below(static_cast<uint64_t>(offsets)));
    for (int64_t i = index * per_batch_; i < (index + 1) * per_batch_; ++i)
      batch.push_back(epoch_window(offset, order[static_cast<size_t>(i)]));
  }
  return batch;
}

}  // namespace qkv
