#include "evaluate/token_scores.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/parallel.h"
#include "ops/ops.h"
#include "tensor/host_values.h"

namespace qkv {
namespace {

constexpr int64_t kMaxLogits = int64_t{1} << 24;  // 64 MiB in f32

double log_probability(std::span<const float> logits, int32_t token) {
  const double largest = *std::max_element(logits.begin(), logits.end());
  double sum = 0;
  for (const float x : logits) sum += std::exp(static_cast<double>(x) - largest);
  return static_cast<double>(logits[static_cast<size_t>(token)]) - largest - std::log(sum);
}

// One pass of the network: rows of its hidden states that predict tokens, and where the results go.
struct Pass {
  TokenBatch source, input;
  std::vector<int32_t> rows, targets;
  std::vector<double*> results;
};

void run(const Transformer& network, const Pass& pass, DType dtype) {
  ForwardContext context;
  context.dtype = dtype;
  const bool decoder = network.config().has_decoder();
  const Tensor memory = decoder ? network.encode(pass.source, context) : Tensor();
  const Tensor hidden = decoder ? network.decode(pass.input, memory, pass.source.segments, context) : network.encode(pass.input, context);
  const int64_t at_once = std::max<int64_t>(1, kMaxLogits / network.config().vocab_size);
  for (int64_t begin = 0; begin < std::ssize(pass.rows); begin += at_once) {
    const int64_t count = std::min(at_once, std::ssize(pass.rows) - begin);
    const auto rows = std::span(pass.rows).subspan(static_cast<size_t>(begin), static_cast<size_t>(count));
    const Tensor logits =
        decoder ? network.logits(select_rows(hidden, rows)) : network.logits_of_rows(hidden, pass.input.segments, rows, context);
    const HostValues<float> values(logits);
    parallel_for(count, [&](int64_t i) {
      const auto at = static_cast<size_t>(begin + i);
      *pass.results[at] = log_probability(values.row(i), pass.targets[at]);
    });
  }
}

// Decoders read what precedes each token in one pass.
std::vector<int32_t> decoder_input(const ScoredSequence& sequence, bool has_encoder, int32_t start) {
  std::vector<int32_t> input = sequence.ids;
  if (has_encoder) input.insert(input.begin(), start);
  if (!input.empty()) input.pop_back();
  return input;
}

Pass decoder_pass(const std::vector<ScoredSequence>& sequences, const std::vector<std::vector<int32_t>>& inputs,
                  std::span<const int32_t> numbers, bool has_encoder, std::vector<std::vector<double>>& results) {
  Pass pass;
  pass.input = pack(inputs, numbers);
  std::vector<std::vector<int32_t>> sources;
  int32_t begin = 0;
  for (const int32_t number : numbers) {
    const ScoredSequence& sequence = sequences[static_cast<size_t>(number)];
    if (has_encoder) sources.push_back(sequence.source);
    const int32_t before = has_encoder ? 0 : 1;  // the row of token i is i, or i - 1 without a start token
    for (size_t i = sequence.first; i < sequence.ids.size(); ++i) {
      pass.rows.push_back(begin + static_cast<int32_t>(i) - before);
      pass.targets.push_back(sequence.ids[i]);
      pass.results.push_back(&results[static_cast<size_t>(number)][i - sequence.first]);
    }
    begin += static_cast<int32_t>(inputs[static_cast<size_t>(number)].size());
  }
  std::vector<int32_t> all(sources.size());
  for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<int32_t>(i);
  if (has_encoder) pass.source = pack(sources, all);
  return pass;
}

std::vector<std::vector<double>> decoder_scores(const Transformer& network, const std::vector<ScoredSequence>& sequences,
                                                const TokenScoreOptions& options) {
  const bool has_encoder = network.config().has_encoder();
  std::vector<std::vector<double>> results(sequences.size());
  std::vector<std::vector<int32_t>> inputs(sequences.size());
  for (size_t i = 0; i < sequences.size(); ++i) {
    const ScoredSequence& sequence = sequences[i];
    QKV_REQUIRE(has_encoder || sequence.first > 0, "[scores] token 0 of sequence {} has nothing before it", i);
    if (sequence.first >= sequence.ids.size()) continue;
    results[i].resize(sequence.ids.size() - sequence.first);
    inputs[i] = decoder_input(sequence, has_encoder, options.decoder_start);
  }
  for (const std::vector<int32_t>& numbers : batches_by_length(inputs, {.tokens = options.batch_tokens})) {
    throw_if_cancelled(options.cancellation);
    run(network, decoder_pass(sequences, inputs, numbers, has_encoder, results), options.dtype);
  }
  return results;
}

// A copy of the sequence for each hidden token.
std::vector<std::vector<double>> masked_scores(const Transformer& network, const std::vector<ScoredSequence>& sequences,
                                               const TokenScoreOptions& options) {
  std::vector<std::vector<double>> results(sequences.size());
  for (size_t i = 0; i < sequences.size(); ++i) {
    const ScoredSequence& sequence = sequences[i];
    results[i].resize(sequence.places.size());
    const size_t copies = std::max<size_t>(1, static_cast<size_t>(options.batch_tokens) / std::max<size_t>(1, sequence.ids.size()));
    for (size_t begin = 0; begin < sequence.places.size(); begin += copies) {
      throw_if_cancelled(options.cancellation);
      Pass pass;
      std::vector<int32_t> lengths;
      for (size_t at = begin; at < std::min(begin + copies, sequence.places.size()); ++at) {
        const auto start = static_cast<int32_t>(pass.input.ids.size());
        const size_t place = sequence.places[at];
        pass.input.ids.insert(pass.input.ids.end(), sequence.ids.begin(), sequence.ids.end());
        pass.input.ids[static_cast<size_t>(start) + place] = options.mask;
        pass.rows.push_back(start + static_cast<int32_t>(place));
        pass.targets.push_back(sequence.ids[place]);
        pass.results.push_back(&results[i][at]);
        lengths.push_back(static_cast<int32_t>(sequence.ids.size()));
      }
      pass.input.segments = Segments::of_lengths(lengths);
      run(network, pass, options.dtype);
    }
  }
  return results;
}

}  // namespace

std::vector<std::vector<double>> token_scores(const Transformer& network, const std::vector<ScoredSequence>& sequences,
                                              const TokenScoreOptions& options) {
  const RecordScope no_gradient(nullptr);
  return network.config().has_decoder() ? decoder_scores(network, sequences, options) : masked_scores(network, sequences, options);
}

}  // namespace qkv
