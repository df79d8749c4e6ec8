#include "evaluate/text_loss.h"

#include "base/cancellation.h"
#include "evaluate/batch_source.h"

namespace qkv {

TextLoss text_loss(const Transformer& network, const TextCorpus& corpus, const TextLossOptions& options) {
  const RecordScope no_gradient(nullptr);
  TextLoss loss{.bytes = corpus.text_bytes()};
  const std::vector<Window> windows = consecutive_windows(corpus, options.context);
  const std::vector<int64_t> starts = batch_starts(windows, options.batch_tokens);
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    throw_if_cancelled(options.cancellation);
    const auto begin = static_cast<size_t>(starts[i]), count = static_cast<size_t>(starts[i + 1] - starts[i]);
    const TrainingBatch batch = make_window_batch(corpus, std::span(windows).subspan(begin, count));
    ForwardContext context;
    context.dtype = options.dtype;
    loss.nll += network.loss(batch.source, batch.target_in, batch.target_out, 0, 1, context).nll_sum;
    loss.tokens += static_cast<int64_t>(batch.target_out.size());
  }
  return loss;
}

}  // namespace qkv
