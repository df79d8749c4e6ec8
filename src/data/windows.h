// Sequences of a plain text to learn from or to be judged by. Place (epoch, index) is all that resuming needs.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/text_corpus.h"

namespace qkv {

// Tokens [begin, begin + length) of a corpus, each of which predicts the one behind it: the last predicted is token begin + length.
struct Window {
  int64_t begin;
  int32_t length;
  bool operator==(const Window&) const = default;
};

// Every prediction of a corpus once: each document cut from its beginning into windows of `context` tokens, its last one shorter.
std::vector<Window> consecutive_windows(const TextCorpus& corpus, int64_t context);

// Beginnings of batches, and the end of the last: as many windows that follow each other as have at most `batch_tokens` tokens, one at
// least.
std::vector<int64_t> batch_starts(std::span<const Window> windows, int64_t batch_tokens);

struct WindowOptions {
  int64_t context = 256;         // tokens of a window
  int64_t batch_tokens = 16384;  // windows of a batch times context, or the tokens of whole documents, stay at or below this
  bool whole_documents = false;  // false: documents do not matter, windows are cut anew in each epoch
  uint64_t seed = 1;
};

// The batches of training, equally many in each epoch.
//
// Without whole documents an epoch's windows lie end to end from an offset that is drawn for it, and are shuffled; what does not fill a
// batch is left out of this epoch, other text in each. With whole documents each is a window; longer ones are cut as consecutive_windows
// does. They are parted into batches once, and batches are shuffled in each epoch.
class WindowBatches {
 public:
  WindowBatches(const TextCorpus& corpus, const WindowOptions& options);

  int64_t size() const { return size_; }            // batches per epoch
  std::vector<int32_t> order(int64_t epoch) const;  // what batch() reads
  // Batch `index` of an epoch whose order is `order`.
  std::vector<Window> batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const;

 private:
  Window epoch_window(int64_t offset, int64_t number) const;

  WindowOptions options_;
  int64_t predictions_;  // tokens of the corpus but the first
  int64_t size_ = 0;
  int64_t windows_ = 0, per_batch_ = 0;  // of an epoch, without whole documents
  std::vector<Window> documents_;        // in the order of their batches
  std::vector<int64_t> starts_;          // of batches of them
};

}  // namespace qkv
