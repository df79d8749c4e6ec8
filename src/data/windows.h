// Sequences of a plain text for training or evaluation. Resuming needs only the position (epoch, index).
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "data/text_corpus.h"

namespace qkv {

// Tokens [begin, begin + length) of a corpus, each of which predicts the next one; the last predicted is token begin + length.
struct Window {
  int64_t begin;
  int32_t length;
  bool operator==(const Window&) const = default;
};

// Covers every prediction of a corpus once: each document is split from its beginning into windows of `context` tokens, the last one
// shorter.
std::vector<Window> consecutive_windows(const TextCorpus& corpus, int64_t context);

// The beginnings of batches, and the end of the last. A batch has as many consecutive windows as fit into `batch_tokens` tokens, at least
// one.
std::vector<int64_t> batch_starts(std::span<const Window> windows, int64_t batch_tokens);

struct WindowOptions {
  int64_t context = 256;         // tokens of a window
  int64_t batch_tokens = 16384;  // limit for windows of a batch times context, or for the tokens of whole documents
  bool whole_documents = false;  // false: documents are ignored, and windows are cut anew in each epoch
  uint64_t seed = 1;
};

// The batches of training, equally many in each epoch.
//
// Without whole documents an epoch's windows are contiguous from a random offset, and shuffled; what does not fill a batch is left out of
// this epoch, other text in each. With whole documents each is a window; longer ones are split as in consecutive_windows. They are grouped
// into batches once, and batches are shuffled in each epoch.
class WindowBatches {
 public:
  WindowBatches(const TextCorpus& corpus, const WindowOptions& options);

  int64_t size() const { return size_; }            // batches per epoch
  std::vector<int32_t> order(int64_t epoch) const;  // the argument of batch()
  // Batch `index` of an epoch with the order `order`.
  std::vector<Window> batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const;

 private:
  Window epoch_window(int64_t offset, int64_t number) const;

  WindowOptions options_;
  int64_t predictions_;  // tokens of the corpus except the first
  int64_t size_ = 0;
  int64_t windows_ = 0, per_batch_ = 0;  // per epoch, without whole documents
  std::vector<Window> documents_;        // in the order of their batches
  std::vector<int64_t> starts_;          // of batches of documents_
};

}  // namespace qkv
