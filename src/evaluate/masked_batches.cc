#include "evaluate/masked_batches.h"

#include <utility>

#include "base/error.h"

namespace qkv {
namespace {

// Reserves room for [CLS] and [SEP].
WindowOptions without_frame(WindowOptions options) {
  QKV_REQUIRE(options.context > 2, "[masked] a sequence of {} tokens has no room besides [CLS] and [SEP]", options.context);
  options.context -= 2;
  return options;
}

}  // namespace

TrainingBatch make_masked_batch(std::span<const MaskedSequence> sequences) {
  TrainingBatch batch;
  std::vector<int32_t> lengths;
  for (const MaskedSequence& sequence : sequences) {
    const auto begin = static_cast<int32_t>(batch.source.ids.size());
    for (const int32_t place : sequence.places) batch.target_rows.push_back(begin + place);
    batch.target_out.insert(batch.target_out.end(), sequence.targets.begin(), sequence.targets.end());
    batch.source.ids.insert(batch.source.ids.end(), sequence.ids.begin(), sequence.ids.end());
    lengths.push_back(static_cast<int32_t>(sequence.ids.size()));
  }
  batch.source.segments = Segments::of_lengths(lengths);
  return batch;
}

std::vector<int32_t> framed_window(const TextCorpus& corpus, const Window& window, const MaskingVocabulary& vocabulary) {
  const auto begin = corpus.tokens().begin() + window.begin + 1;
  std::vector<int32_t> ids{vocabulary.cls()};
  ids.insert(ids.end(), begin, begin + window.length);
  // The token that ends a document is already [SEP].
  if (ids.back() != vocabulary.sep()) ids.push_back(vocabulary.sep());
  return ids;
}

MaskedSource::MaskedSource(TextCorpus corpus, MaskingVocabulary vocabulary, const MaskingOptions& masking, const WindowOptions& options)
    : corpus_(std::move(corpus)),
      vocabulary_(std::move(vocabulary)),
      masking_(masking),
      seed_(options.seed),
      batches_(corpus_, without_frame(options)) {}

TrainingBatch MaskedSource::batch(int64_t epoch, std::span<const int32_t> order, int64_t index) const {
  std::vector<MaskedSequence> sequences;
  for (const Window& window : batches_.batch(epoch, order, index)) {
    sequences.push_back(
        mask_tokens(framed_window(corpus_, window, vocabulary_), vocabulary_, masking_, masking_stream(seed_, epoch, window.begin)));
  }
  return make_masked_batch(sequences);
}

}  // namespace qkv
