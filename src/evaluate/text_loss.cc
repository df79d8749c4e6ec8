#include "evaluate/text_loss.h"

#include <numeric>
#include <vector>

#include "base/cancellation.h"
#include "evaluate/batch_source.h"

namespace qkv {

TextLoss text_loss(const Transformer& network, const TextCorpus& corpus, const TextLossOptions& options, const Share& share) {
  const RecordScope no_gradient(nullptr);
  TextLoss loss{.bytes = corpus.text_bytes()};
  const std::vector<Window> windows = consecutive_windows(corpus, options.context);
  const std::vector<int64_t> starts = batch_starts(windows, options.batch_tokens);
  std::vector<double> nll(starts.size());  // of each batch, so that the order of the sum does not depend on the share
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    throw_if_cancelled(share.interruptible(options.cancellation));
    const auto begin = static_cast<size_t>(starts[i]), count = static_cast<size_t>(starts[i + 1] - starts[i]);
    loss.tokens += std::accumulate(windows.begin() + starts[i], windows.begin() + starts[i + 1], int64_t{0},
                                   [](int64_t sum, const Window& window) { return sum + window.length; });
    if (!share.has(i)) continue;
    const TrainingBatch batch = make_window_batch(corpus, std::span(windows).subspan(begin, count));
    ForwardContext context;
    context.dtype = options.dtype;
    nll[i] = network.loss(batch.source, batch.target_in, batch.target_out, 0, 1, context).nll_sum;
  }
  share.complete(nll);
  loss.nll = std::accumulate(nll.begin(), nll.end(), 0.0);
  return loss;
}

}  // namespace qkv
