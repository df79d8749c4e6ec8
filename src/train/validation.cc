#include "train/validation.h"

#include <algorithm>

#include "base/interrupt.h"
#include "decode/translator.h"
#include "train/batch_feed.h"
#include "train/scores.h"

namespace qkv {
namespace {

// No translation needs more than twice the longest reference. A network that has learnt nothing yet may never say </s>; it stops here.
int translation_limit(const ParallelCorpus& corpus) {
  size_t longest = 0;
  for (int64_t pair = 0; pair < corpus.size(); ++pair) longest = std::max(longest, corpus.target(pair).size());
  return static_cast<int>(2 * longest + 10);
}

}  // namespace

Validation::Validation(const ParallelCorpus& corpus, std::vector<std::string> sources, std::vector<std::string> references,
                       const ValidationOptions& options)
    : corpus_(corpus),
      sources_(std::move(sources)),
      references_(std::move(references)),
      options_(options),
      batches_(corpus, {.batch_tokens = options.batch_tokens}),
      max_length_(translation_limit(corpus)) {}

ValidationResult Validation::run(const Transformer& network, const Tokenizer& tokenizer) const {
  return {.loss = loss(network), .bleu = bleu(network, tokenizer)};
}

double Validation::loss(const Transformer& network) const {
  double nll = 0;
  int64_t tokens = 0;
  for (int64_t i = 0; i < batches_.size(); ++i) {
    throw_if_interrupted();
    const PairBatch batch = make_pair_batch(corpus_, batches_.batch(i), network.config().decoder_start_token_id);
    ForwardContext context;
    context.dtype = options_.dtype;
    nll += network.loss(batch.source, batch.target_in, batch.target_out, 0, 1, context).nll_sum;
    tokens += static_cast<int64_t>(batch.target_out.size());
  }
  return nll / static_cast<double>(tokens);
}

double Validation::bleu(const Transformer& network, const Tokenizer& tokenizer) const {
  TranslateOptions options;
  options.search.num_beams = options_.num_beams;
  options.search.max_length = std::min(max_length_, network.config().max_position_embeddings);
  options.search.suppressed = {network.config().pad_token_id};
  options.search.on_step = throw_if_interrupted;
  options.dtype = options_.dtype;
  options.batch_tokens = options_.batch_tokens;
  options.truncate = true;
  std::vector<std::string> hypotheses;
  for (Translation& translation : translate(network, tokenizer, sources_, options)) {
    hypotheses.push_back(std::move(translation.candidates.front().text));
  }
  return score_corpus(hypotheses, references_).bleu;
}

}  // namespace qkv
