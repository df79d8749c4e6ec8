#include "base/suggestion.h"

#include <algorithm>
#include <numeric>
#include <utility>
#include <vector>

namespace qkv {
namespace {

// Options, tasks and commands of transformers, fairseq, OpenNMT, Marian, llama.cpp, nanoGPT and sacreBLEU, with their counterparts here;
// the first one that the command has counts.
constexpr std::pair<std::string_view, std::string_view> kOtherNames[] = {
    {"learning-rate", "lr"},
    {"max-lr", "lr"},
    {"peak-lr", "lr"},
    {"batch-size", "batch-tokens"},
    {"mini-batch", "batch-tokens"},
    {"mini-batch-words", "batch-tokens"},
    {"max-tokens", "batch-tokens"},
    {"max-tokens", "max-new-tokens"},
    {"per-device-train-batch-size", "batch-tokens"},
    {"per-device-eval-batch-size", "batch-tokens"},
    {"train-batch-size", "batch-tokens"},
    {"src", "source"},
    {"input", "source"},
    {"source-lang", "source"},
    {"tgt", "target"},
    {"trg", "target"},
    {"target-lang", "target"},
    {"train-sets", "source"},
    {"trainpref", "source"},
    {"valid-sets", "valid-source"},
    {"validpref", "valid-source"},
    {"testpref", "source"},
    {"train-data", "text"},
    {"train-text", "text"},
    {"validation-file", "valid-file"},
    {"validation-file", "valid-text"},
    {"eval-file", "valid-file"},
    {"ref", "reference"},
    {"references", "reference"},
    {"hyp", "hypothesis"},
    {"hypotheses", "hypothesis"},
    {"heads", "num-attention-heads"},
    {"num-heads", "num-attention-heads"},
    {"nhead", "num-attention-heads"},
    {"n-head", "num-attention-heads"},
    {"transformer-heads", "num-attention-heads"},
    {"encoder-attention-heads", "num-attention-heads"},
    {"decoder-attention-heads", "num-attention-heads"},
    {"n-head-kv", "num-key-value-heads"},
    {"num-kv-heads", "num-key-value-heads"},
    {"n-layer", "layers"},
    {"num-layers", "layers"},
    {"num-hidden-layers", "layers"},
    {"enc-depth", "encoder-layers"},
    {"num-encoder-layers", "encoder-layers"},
    {"dec-depth", "decoder-layers"},
    {"num-decoder-layers", "decoder-layers"},
    {"n-embd", "hidden-size"},
    {"d-model", "hidden-size"},
    {"dim-emb", "hidden-size"},
    {"embed-dim", "hidden-size"},
    {"embedding-size", "hidden-size"},
    {"encoder-embed-dim", "hidden-size"},
    {"decoder-embed-dim", "hidden-size"},
    {"dim-feedforward", "ffn-dim"},
    {"intermediate-size", "ffn-dim"},
    {"transformer-dim-ffn", "ffn-dim"},
    {"d-ff", "ffn-dim"},
    {"encoder-ffn-embed-dim", "ffn-dim"},
    {"decoder-ffn-embed-dim", "ffn-dim"},
    {"activation-fn", "activation"},
    {"hidden-act", "activation"},
    {"share-all-embeddings", "tie-word-embeddings"},
    {"tied-embeddings", "tie-word-embeddings"},
    {"tied-embeddings-all", "tie-word-embeddings"},
    {"share-decoder-input-output-embed", "tie-word-embeddings"},
    {"tie-embeddings", "tie-word-embeddings"},
    {"transformer-dropout", "dropout"},
    {"transformer-dropout-attention", "attention-dropout"},
    {"transformer-dropout-ffn", "activation-dropout"},
    {"relu-dropout", "activation-dropout"},
    {"block-size", "context"},
    {"seq-len", "context"},
    {"max-seq-length", "context"},
    {"max-seq-length", "max-length"},
    {"max-source-length", "max-length"},
    {"max-target-length", "max-length"},
    {"tokens-per-sample", "context"},
    {"ctx-size", "context"},
    {"n-ctx", "context"},
    {"eval-steps", "validate-every"},
    {"eval-interval", "validate-every"},
    {"valid-freq", "validate-every"},
    {"validate-interval-updates", "validate-every"},
    {"val-check-interval", "validate-every"},
    {"save-steps", "save-every"},
    {"save-freq", "save-every"},
    {"save-interval", "save-every"},
    {"save-interval-updates", "save-every"},
    {"save-total-limit", "keep-checkpoints"},
    {"keep-last-epochs", "keep-checkpoints"},
    {"keep-interval-updates", "keep-checkpoints"},
    {"logging-steps", "log-every"},
    {"log-interval", "log-every"},
    {"disp-freq", "log-every"},
    {"tensorboard-logdir", "tensorboard"},
    {"gradient-accumulation-steps", "accumulate"},
    {"update-freq", "accumulate"},
    {"optimizer-delay", "accumulate"},
    {"max-grad-norm", "clip-norm"},
    {"grad-clip", "clip-norm"},
    {"adam-betas", "betas"},
    {"adam-beta1", "beta1"},
    {"adam-beta2", "beta2"},
    {"adam-epsilon", "epsilon"},
    {"adam-eps", "epsilon"},
    {"wd", "weight-decay"},
    {"label-smoothing-factor", "label-smoothing"},
    {"exponential-smoothing", "ema-decay"},
    {"lr-scheduler-type", "schedule"},
    {"lr-scheduler", "schedule"},
    {"lr-decay-strategy", "schedule"},
    {"lr-warmup", "warmup-steps"},
    {"warmup-updates", "warmup-steps"},
    {"warmup-iters", "warmup-steps"},
    {"lr-decay-iters", "schedule-steps"},
    {"stop-min-lr", "min-lr"},
    {"early-stopping", "patience"},
    {"num-train-epochs", "max-epochs"},
    {"epochs", "max-epochs"},
    {"after-epochs", "max-epochs"},
    {"max-epoch", "max-epochs"},
    {"iters", "max-steps"},
    {"max-iters", "max-steps"},
    {"max-update", "max-steps"},
    {"after-batches", "max-steps"},
    {"after", "max-steps"},
    {"stop-time-hours", "max-minutes"},
    {"max-time", "max-minutes"},
    {"out", "output"},
    {"output-dir", "output"},
    {"save-dir", "output"},
    {"out-dir", "output"},
    {"overwrite-output-dir", "overwrite"},
    {"resume-from-checkpoint", "resume"},
    {"restore-file", "resume"},
    {"finetune-from-model", "init"},
    {"pretrained-model", "init"},
    {"model-name-or-path", "model"},
    {"model-name-or-path", "init"},
    {"path", "model"},
    {"checkpoint", "model"},
    {"vocabs", "tokenizer"},
    {"vocab", "tokenizer"},
    {"tokenizer-name", "tokenizer"},
    {"dim-vocabs", "vocab-size"},
    {"n-vocab", "vocab-size"},
    {"mlm-probability", "mask-probability"},
    {"mask-prob", "mask-probability"},
    {"mask-whole-words", "whole-words"},
    {"num-beams", "beam-size"},
    {"beam", "beam-size"},
    {"beams", "beam-size"},
    {"lenpen", "length-penalty"},
    {"normalize", "length-penalty"},
    {"nbest", "n-best"},
    {"num-return-sequences", "n-best"},
    {"num-return-sequences", "num-samples"},
    {"max-len", "max-length"},
    {"max-len-a", "max-length-factor"},
    {"min-len", "min-length"},
    {"word-scores", "token-scores"},
    {"n-predict", "max-new-tokens"},
    {"predict", "max-new-tokens"},
    {"max-length", "max-new-tokens"},
    {"num-predict", "max-new-tokens"},
    {"temp", "temperature"},
    {"repeat-penalty", "repetition-penalty"},
    {"ngram-size", "no-repeat-ngram-size"},
    {"sampling-topk", "top-k"},
    {"sampling-topp", "top-p"},
    {"output-sampling", "temperature"},
    {"do-sample", "temperature"},
    {"sampling", "temperature"},
    {"precision", "dtype"},
    {"torch-dtype", "dtype"},
    {"fp16", "dtype"},
    {"bf16", "dtype"},
    {"cpu-threads", "threads"},
    {"n-threads", "threads"},
    {"num-threads", "threads"},
    {"nthreads", "threads"},
    {"num-workers", "threads"},
    {"log-level", "verbose"},
    {"quiet-translation", "quiet"},
    {"silent", "quiet"},
    {"training-steps", "max-steps"},
    {"source-file", "source"},
    {"target-file", "target"},
    {"src-file", "source"},
    {"tgt-file", "target"},
    {"train-src", "source"},
    {"train-tgt", "target"},
    {"valid-src", "valid-source"},
    {"valid-tgt", "valid-target"},
    {"dev-source", "valid-source"},
    {"dev-target", "valid-target"},
    {"test-size", "valid-split"},
    {"dev-size", "valid-split"},
    {"test-file", "classification"},
    {"input-file", "text"},
    {"data", "text"},
    {"num-epochs", "max-epochs"},
    {"time", "max-minutes"},
    {"minutes", "max-minutes"},
    {"text-col", "text-column"},
    {"label-col", "label-column"},
    {"gradient-checkpointing", "recompute"},
    {"checkpoint-activations", "recompute"},
    // Tasks.
    {"mt", "translation"},
    {"nmt", "translation"},
    {"seq2seq", "translation"},
    {"clm", "lm"},
    {"causal-lm", "lm"},
    {"gpt", "lm"},
    {"language-modeling", "lm"},
    {"text-generation", "lm"},
    {"bert", "mlm"},
    {"masked-lm", "mlm"},
    {"fill-mask", "mlm"},
    {"classify", "classification"},
    {"text-classification", "classification"},
    {"sequence-classification", "classification"},
    {"ner", "tag"},
    {"token-classification", "tag"},
    {"sft", "chat"},
    {"instruct", "chat"},
    // Commands.
    {"finetune", "train"},
    {"fine-tune", "train"},
    {"fit", "train"},
    {"translator", "translate"},
    {"predict", "classify"},
    {"infer", "generate"},
    {"inference", "generate"},
    {"run", "generate"},
    {"complete", "generate"},
    {"interactive", "chat"},
    {"qa", "answer"},
    {"encode", "embed"},
    {"evaluate", "eval"},
    {"bleu", "eval"},
    {"perplexity", "eval"},
    {"ppl", "eval"},
    {"info", "inspect"},
    {"show", "inspect"},
    {"export", "convert"},
    {"benchmark", "bench"},
};

std::string_view without_dashes(std::string_view word) { return word.substr(std::min(word.find_first_not_of('-'), word.size())); }

std::vector<std::string_view> parts_of(std::string_view word) {
  std::vector<std::string_view> parts;
  while (!word.empty()) {
    const size_t dash = std::min(word.find_first_of("-_"), word.size());
    if (dash > 0) parts.push_back(word.substr(0, dash));
    word.remove_prefix(std::min(dash + 1, word.size()));
  }
  return parts;
}

// True if all parts of `word` are prefixes of parts of `candidate`, in order.
bool abbreviates(std::string_view word, std::string_view candidate) {
  const std::vector<std::string_view> parts = parts_of(word);
  size_t done = 0;
  for (const std::string_view part : parts_of(candidate)) {
    if (done < parts.size() && part.starts_with(parts[done])) ++done;
  }
  return !parts.empty() && done == parts.size() && parts.front().size() >= 3;
}

// Edit distance: insertions, deletions, substitutions, and swaps of neighbours, O(|a| * |b|) time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] != b[j]), row[j] + 1, last[j + 1] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before_last[j - 1] + 1);
    }
    before_last = std::exchange(last, row);
  }
  return last.back();
}

}  // namespace

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  constexpr size_t kLongestWord = 64;  // longer words were not mistyped; bounds the time
  if (word.size() > kLongestWord) return "";
  std::string plain(without_dashes(word));
  std::replace(plain.begin(), plain.end(), '_', '-');
  for (const auto& [other, name] : kOtherNames) {
    if (other != plain) continue;
    const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const auto& each) { return without_dashes(each) == name; });
    if (found != candidates.end()) return *found;
  }
  std::string nearest;
  size_t distance = std::max<size_t>(1, plain.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (abbreviates(plain, without_dashes(candidate)) && (nearest.empty() || candidate.size() < nearest.size())) nearest = candidate;
  }
  if (!nearest.empty()) return nearest;
  for (const std::string& candidate : candidates) {
    const size_t d = edit_distance(plain, without_dashes(candidate));
    if (d < distance) {
      distance = d;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace qkv
