#include "lab/pages/pages.h"

#include <cmath>

#include "lab/pages/blocks.h"
#include "lab/pages/by_hand.h"

namespace qkv::lab {
namespace {

using Levels = std::vector<std::pair<double, std::string>>;

ChartSpec dots(std::string experiment, std::string value, std::vector<std::string> arms, int digits, Levels levels = {}) {
  return {.experiment = std::move(experiment),
          .value = std::move(value),
          .arms = std::move(arms),
          .levels = std::move(levels),
          .digits = digits};
}
ChartSpec lines(std::string experiment, std::string series, std::vector<std::string> arms, Levels levels = {}) {
  return {.kind = ChartSpec::Kind::lines,
          .experiment = std::move(experiment),
          .value = std::move(series),
          .arms = std::move(arms),
          .log_x = true,
          .levels = std::move(levels)};
}
// With an axis of values from `low` to `high`.
ChartSpec within(ChartSpec chart, double low, std::optional<double> high = {}) {
  chart.low = low;
  chart.high = high;
  return chart;
}
// Charts of lines have a logarithmic x unless they ask for a linear one.
ChartSpec with_linear_x(ChartSpec chart) {
  chart.log_x = false;
  return chart;
}
ChartSpec logarithmic(ChartSpec chart) {
  chart.log_y = true;
  return chart;
}

std::vector<Page> mechanism_pages() {
  return {
      {.name = "structure",
       .experiments = {"residual_norm"},
       .chart = dots("residual_norm", "bits at 32", {"pre", "post", "no-norm", "no-residual"}, 2, {{std::log2(67.0), "guessing"}}),
       .by_hand = structure_by_hand,
       .blocks = {{"structure", structure_drawing}}},
      {.name = "self_attention",
       .experiments = {"self_attention"},
       .chart = within(dots("self_attention", "recall accuracy", {"softmax", "linear", "local", "average", "none"}, 2,
                            {{1.0 / 12, "chance"}, {0.313, "frequent"}}),  // the latter counted over 200,000 drawn sequences
                       0, 1),
       .by_hand = self_attention_by_hand},
      {.name = "quadratic",
       .experiments = {"quadratic"},
       .chart = logarithmic(lines("quadratic", "width 64 forward_seconds", {"whole", "flash"})),
       .by_hand = quadratic_by_hand},
      {.name = "complexity",
       .experiments = {"sequence_speed"},
       .chart = within(lines("sequence_speed", "training_per_second", {"transformer", "lstm", "convolution"}), 0),
       .by_hand = complexity_by_hand,
       .blocks = {{"crossing", crossing_table}}},
      {.name = "multi_head",
       .experiments = {"paper_table3"},
       .chart = dots("paper_table3", "loss", {"base", "A-1-head", "A-16-heads", "B-d_k-4"}, 3),
       .by_hand = multi_head_by_hand},
      {.name = "feed_forward",
       .experiments = {"feed_forward"},
       .chart = dots("feed_forward", "bits per byte", {"none", "attention-only", "width-1", "width-2", "width-4", "width-8"}, 2),
       .by_hand = feed_forward_by_hand},
      {.name = "positions",
       .experiments = {"positions"},
       .chart = lines("positions", "bits by length", {"none", "sinusoidal", "learned", "rope", "alibi", "t5"}),
       .by_hand = positions_by_hand},
      {.name = "encoder_decoder",
       .experiments = {"families"},
       .chart = dots("families", "loss", {"encoder-decoder", "decoder", "mean-memory", "no-memory", "encoder"}, 2),
       .by_hand = encoder_decoder_by_hand},
      {.name = "masks",
       .experiments = {"families"},
       .chart = dots("families", "loss", {"encoder-decoder", "causal-encoder", "decoder", "prefix-decoder"}, 2),
       .by_hand = masks_by_hand},
      {.name = "kv_heads",
       .experiments = {"kv_heads", "kv_quality"},
       .chart = within(lines("kv_heads", "tokens_per_second", {"kv-1", "kv-2", "kv-4", "kv-8"}), 0),
       .by_hand = kv_heads_by_hand,
       .blocks = {{"cache", cache_table}}},
      {.name = "flash_attention",
       .experiments = {"flash_attention"},
       .chart = logarithmic(lines("flash_attention", "memory MiB", {"whole", "flash"})),
       .by_hand = flash_attention_by_hand},
  };
}

std::vector<Page> why_pages() {
  return {
      {.name = "scaling",
       .experiments = {"score_scale"},
       .chart = lines("score_scale", "bits", {"root-d", "one", "one-over-d", "t5-start"}),
       .by_hand = scaling_by_hand},
      {.name = "heads",
       .experiments = {"two_looks", "heads"},
       .chart = within(
           dots("two_looks", "difference", {"heads-1", "heads-1-two-layers", "heads-2", "heads-4", "heads-8"}, 2, {{0.125, "chance"}}), 0,
           1),
       .by_hand = heads_by_hand},
      {.name = "separate_projections",
       .experiments = {"cycle", "separate_projections"},
       .chart = within(dots("cycle", "cycle accuracy", {"separate", "tied-qk", "none", "shared-qk"}, 2,
                            {{1.0 / 8, "chance"}, {17.0 / 24, "symmetric"}}),
                       0, 1),
       .by_hand = separate_projections_by_hand},
      {.name = "dot_or_addition",
       .experiments = {"additive_attention", "additive_cost"},
       .chart = dots("additive_attention", "bits per byte",
                     {"dot-8", "dot-scaled-8", "additive-8", "dot-128", "dot-scaled-128", "additive-128"}, 2),
       .by_hand = dot_or_addition_by_hand},
      {.name = "convolutional",
       .experiments = {"distance", "context", "distance_rates", "context_rates"},
       .chart = within(lines("distance", "recall", {"transformer", "hybrid", "dilated", "plain"}, {{0.125, "chance"}}), 0, 1.04),
       .by_hand = convolutional_by_hand},
      {.name = "tokenizers",
       .experiments = {"tokenizers"},
       .chart = dots("tokenizers", "bits per byte", {"character", "byte", "word-4000", "bpe-4000", "wordpiece-4000", "unigram-4000"}, 2),
       .blocks = {{"bpe", bpe_merges}, {"unigram", unigram_choices}}},
      {.name = "bert_tokenizer",
       .experiments = {"bert_tokenizer"},
       .chart =
           dots("bert_tokenizer", "accuracy",
                {"wordpiece", "wordpiece/with other pieces", "wordpiece/with other ids", "wordpiece/retrained", "wordpiece/not pretrained"},
                2, {{0.5, "chance"}}),
       .blocks = {{"path", bert_path}, {"longest", longest_match}}},
      {.name = "recurrent",
       .experiments = {"distance", "context", "sequence_speed", "distance_rates", "context_rates"},
       .chart = within(dots("distance", "recall at 512", {"transformer", "lstm", "gru", "tanh/recall at 8"}, 2, {{0.125, "chance"}}), 0, 1),
       .by_hand = recurrent_by_hand},
      {.name = "norm_kind",
       .experiments = {"batch_norm", "residual_norm"},
       .chart = dots("batch_norm", "bits at 32", {"layer", "batch-causal", "batch", "batch/bits at 32 by the batch"}, 2,
                     {{std::log2(67.0), "guessing"}}),
       .by_hand = norm_kind_by_hand},
      {.name = "embedding_scale",
       .experiments = {"embedding_scale"},
       .chart = with_linear_x(lines("embedding_scale", "text loss", {"scaled", "plain", "plain-learned"})),
       .by_hand = embedding_scale_by_hand},
      {.name = "padding_mask",
       .experiments = {"padding"},
       .chart = within(lines("padding", "accuracy", {"masked", "unmasked-trained", "unmasked"}, {{1.0 / 16, "chance"}}), 0, 1.04),
       .by_hand = padding_mask_by_hand},
      {.name = "head_width",
       .experiments = {"heads"},
       .chart = dots("heads", "bits per byte", {"heads-1", "heads-2", "heads-4", "heads-8", "heads-16"}, 2),
       .by_hand = head_width_by_hand},
      {.name = "kv_cache",
       .experiments = {"sequence_speed"},
       .chart = logarithmic(dots(
           "sequence_speed", "state KiB after 64",
           {"transformer/state KiB after 64", "transformer/state KiB after 512", "lstm/state KiB after 64", "lstm/state KiB after 512"},
           0)),
       .by_hand = kv_cache_by_hand},
  };
}

}  // namespace

const std::vector<Page>& pages() {
  static const std::vector<Page> all = [] {
    std::vector<Page> pages = mechanism_pages();
    for (Page& page : why_pages()) pages.push_back(std::move(page));
    return pages;
  }();
  return all;
}

}  // namespace qkv::lab
