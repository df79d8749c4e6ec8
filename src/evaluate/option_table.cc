#include "evaluate/option_table.h"

namespace qkv {

using namespace option_kinds;

std::span<const TableOption<ScoringOptions>> scoring_option_table() {
  using O = ScoringOptions;
  static const std::vector<TableOption<O>> table = {
      flag({"lowercase", "BLEU and chrF ignore case"}, &O::lowercase),
      choice({"tokenize", "How BLEU cuts texts into words, by sacreBLEU's names", false, "tokenization", "NAME"}, &O::tokenization,
             {{"13a", BleuTokenization::mteval_13a},
              {"intl", BleuTokenization::international},
              {"zh", BleuTokenization::chinese},
              {"char", BleuTokenization::character},
              {"none", BleuTokenization::none}}),
      choice({"smooth-method", "What BLEU takes for an n-gram precision of 0, by sacreBLEU's names", false, "smoothing", "NAME"},
             &O::smoothing,
             {{"exp", BleuSmoothing::exponential},
              {"floor", BleuSmoothing::floor},
              {"add-k", BleuSmoothing::add_k},
              {"none", BleuSmoothing::none}}),
      real({"smooth-value", "Value of --smooth-method floor (default: 0.1) or add-k (default: 1)", false, "smoothing_value"},
           &O::smoothing_value, 0),
      flag({"ter-case-sensitive", "TER heeds case"}, &O::ter_case_sensitive),
      flag({"ter-normalized", "TER cuts off punctuation as tercom does"}, &O::ter_normalized),
      flag({"ter-no-punct", "TER leaves punctuation out"}, &O::ter_no_punct),
      flag({"ter-asian-support", "With --ter-normalized ideographs are words, with --ter-no-punct Asian punctuation is left out, too"},
           &O::ter_asian_support),
      flag({"word-error-rate", "Also the word error rate: errors between words, which white space separates, per word of the reference"},
           &O::word_error_rate),
      flag({"token-error-rate",
            "Also the token error rate: over tokens of --tokenizer or of the model; of files alone over what white space separates "
            "(phonemes, say)"},
           &O::token_error_rate),
  };
  return table;
}

std::span<const TableOption<ComparisonOptions>> comparison_option_table() {
  using O = ComparisonOptions;
  static const std::vector<TableOption<O>> table = {
      integer({"resamples", "Bootstrap resamples of --compare"}, &O::resamples, 1, 1000000),
      integer({"seed", "Seed of the resamples of --compare: the same one gives the same figures", false, nullptr, "S"}, &O::seed, 0),
  };
  return table;
}

std::span<const TableOption<ScoreOptions>> score_option_table() {
  using O = ScoreOptions;
  static const std::vector<TableOption<O>> table = {
      flag(
          {"start-token", "Begin texts with the model's start token where the tokenizer adds none, so that the first token is scored, too"},
          &O::start_token),
      text({"from", "Language of the sources, as the model's tokenizer names it (default: the tokenizer's)", false, "source_language",
            "LANG"},
           &O::source_language),
      text({"to", "Language of the targets, of a model that knows several (default: the model's)", false, "target_language", "LANG"},
           &O::target_language),
      integer({"batch-tokens", "Tokens computed at once"}, &O::batch_tokens, 1),
  };
  return table;
}

}  // namespace qkv
