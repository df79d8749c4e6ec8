#include "evaluate/answer_batches.h"

#include <numeric>
#include <utility>

#include "base/cancellation.h"

namespace qkv {
namespace {

// Moves the sequences from the encoder's side of the batch to the decoder's.
TrainingBatch for_decoder(TrainingBatch batch) {
  batch.target_in = std::exchange(batch.source, {});
  return batch;
}

}  // namespace

TrainingBatch make_answer_batch(const LabelledTexts& texts, std::span<const int32_t> numbers) {
  return for_decoder(make_labelled_batch(texts, numbers));
}

TrainingBatch AnswerSource::batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const {
  return for_decoder(texts_.batch(epoch, order, index));
}

double answer_loss(const Transformer& network, const LabelledTexts& texts, const EncoderRunOptions& options, const Share& share) {
  const RecordScope no_gradient(nullptr);
  const std::vector<std::vector<int32_t>> batches = batches_by_length(texts.inputs().ids, {.tokens = options.batch_tokens});
  std::vector<double> nll(batches.size());  // of each batch, so that the order of the sum does not depend on the share
  int64_t tokens = 0;
  for (size_t i = 0; i < batches.size(); ++i) {
    throw_if_cancelled(share.interruptible(options.cancellation));
    const TrainingBatch batch = make_answer_batch(texts, batches[i]);
    tokens += batch.predictions();
    if (!share.has(i)) continue;
    ForwardContext context;
    context.dtype = options.dtype;
    nll[i] = batch_loss(network, batch, 0, 1, context).nll_sum;
  }
  share.complete(nll);
  return std::accumulate(nll.begin(), nll.end(), 0.0) / static_cast<double>(tokens);
}

}  // namespace qkv
