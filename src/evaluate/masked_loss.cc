#include "evaluate/masked_loss.h"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "base/cancellation.h"
#include "base/error.h"
#include "evaluate/masked_batches.h"

namespace qkv {
namespace {

// Bytes of the hidden tokens' text, decoded word by word, without spaces, since a tokenizer may join words without the spaces between them.
int64_t hidden_bytes(const MaskedSequence& sequence, const MaskingVocabulary& vocabulary, const Tokenizer& tokenizer) {
  int64_t bytes = 0;
  for (size_t begin = 0; begin < sequence.places.size();) {
    size_t end = begin + 1;
    while (end < sequence.places.size() && sequence.places[end] == sequence.places[end - 1] + 1 &&
           !vocabulary.begins_word(sequence.targets[end]))
      ++end;
    const std::string word = tokenizer.decode(std::span(sequence.targets).subspan(begin, end - begin));
    bytes += std::count_if(word.begin(), word.end(), [](char c) { return c != ' '; });
    begin = end;
  }
  return bytes;
}

}  // namespace

MaskingOptions hidden_words() { return {.masked = 1, .random = 0, .whole_words = true}; }

MaskedLoss masked_loss(const Transformer& network, const TextCorpus& corpus, const Tokenizer& tokenizer, const MaskedLossOptions& options,
                       const Share& share) {
  QKV_REQUIRE(options.context > 2, "[masked loss] a sequence of {} tokens has no room besides [CLS] and [SEP]", options.context);
  const RecordScope no_gradient(nullptr);
  const MaskingVocabulary vocabulary(tokenizer);
  const std::vector<Window> windows = consecutive_windows(corpus, options.context - 2);
  const std::vector<int64_t> starts = batch_starts(windows, options.batch_tokens);
  std::vector<double> nll(starts.size()), tokens(starts.size()), bytes(starts.size());  // of each batch
  for (size_t i = 0; i + 1 < starts.size(); ++i) {
    throw_if_cancelled(share.interruptible(options.cancellation));
    if (!share.has(i)) continue;
    std::vector<MaskedSequence> sequences;
    for (int64_t w = starts[i]; w < starts[i + 1]; ++w) {
      const Window& window = windows[static_cast<size_t>(w)];
      sequences.push_back(mask_tokens(framed_window(corpus, window, vocabulary), vocabulary, options.masking,
                                      masking_stream(options.seed, 0, window.begin)));
      bytes[i] += static_cast<double>(hidden_bytes(sequences.back(), vocabulary, tokenizer));
    }
    const TrainingBatch batch = make_masked_batch(sequences);
    if (batch.target_out.empty()) continue;
    ForwardContext context;
    context.dtype = options.dtype;
    nll[i] = network.loss_of_rows(batch.source, batch.target_rows, batch.target_out, 0, 1, context).nll_sum;
    tokens[i] = static_cast<double>(batch.target_out.size());
  }
  MaskedLoss loss;
  for (std::vector<double>* each : {&nll, &tokens, &bytes}) share.complete(*each);
  loss.nll = std::accumulate(nll.begin(), nll.end(), 0.0);
  loss.tokens = std::llround(std::accumulate(tokens.begin(), tokens.end(), 0.0));
  loss.bytes = std::llround(std::accumulate(bytes.begin(), bytes.end(), 0.0));
  if (loss.tokens == 0) fail(ErrorCode::bad_input, "the text has no token of the vocabulary that could be hidden");
  return loss;
}

}  // namespace qkv
