#include "decode/option_table.h"

#include <limits>

namespace qkv {

using namespace option_kinds;

std::span<const TableOption<TranslatorOptions>> translator_option_table() {
  using O = TranslatorOptions;
  constexpr double kLowest = std::numeric_limits<float>::lowest();
  static const std::vector<TableOption<O>> table = {
      integer({"n-best", "Print the N best translations of each line, best first, each on a line of its own"}, &O::n_best, 1, 1000),
      integer({"beam-size", "Hypotheses kept at each step; 1: greedy search (default: the model's)", false, "num_beams"}, &O::num_beams, 1,
              1000),
      real({"length-penalty", "Beams are ranked by (sum of log p) / length^X (default: the model's)"}, &O::length_penalty, kLowest),
      integer({"max-length", "Most tokens of a translation, with the start token (default: the model's)"}, &O::max_length, 1),
      real({"max-length-factor",
            "Cut a translation at so many tokens for each of its source; stops what loops without end (default: no such limit)"},
           &O::max_length_factor, 0),
      integer({"min-length", "Fewest tokens of a translation, with the start token (default: the model's)"}, &O::min_length, 0),
      real({"repetition-penalty", "Above 1 tokens that a translation has become less likely; 1: stay as likely (default: the model's)"},
           &O::repetition_penalty, 0),
      integer({"no-repeat-ngram-size", "No N tokens in a row come twice in a translation; 0: they may (default: the model's)"},
              &O::no_repeat_ngram_size, 0),
      text({"from", "Language of the lines, as the model's tokenizer names it: deu_Latn, de_DE, de (default: the tokenizer's)", false,
            "source_language", "LANG"},
           &O::source_language),
      text({"to", "Language to translate into, of a model that knows several (default: the model's)", false, "target_language", "LANG"},
           &O::target_language),
      choice({"dtype", "Compute in f32, bf16, or as the model's files say (default: f32)", false, nullptr, "TYPE"}, &O::dtype,
             {{"f32", InferenceType::f32}, {"bf16", InferenceType::bf16}, {"file", InferenceType::file}}),
      flag({"truncate", "Cut lines that are too long for the model instead of stopping there"}, &O::truncate),
      integer({"batch-tokens", "Source tokens times beams of a batch"}, &O::batch_tokens, 1),
  };
  return table;
}

const TableOption<TranslatorOptions>* given_search_option(const TranslatorOptions& options) {
  for (const TableOption<TranslatorOptions>& option : translator_option_table()) {
    if (option.name == "dtype" || option.name == "truncate" || option.name == "batch-tokens") continue;
    if (option.get(options) != option.default_value) return &option;
  }
  return nullptr;
}

std::span<const TableOption<GeneratorOptions>> generator_option_table() {
  using O = GeneratorOptions;
  static const std::vector<TableOption<O>> table = {
      integer({"max-new-tokens", "Stop after N tokens where the model does not end the text (default: the model's, or else 256)"},
              &O::max_new_tokens, 1),
      integer({"min-new-tokens", "Let the model end the text after N tokens at the earliest (default: the model's, or else 0)"},
              &O::min_new_tokens, 0),
      real({"temperature", "Below 1 likely tokens become likelier; 0: always the likeliest (default: the model's, or else 1)"},
           &O::temperature, 0),
      integer({"top-k", "Draw from the K likeliest tokens; 0: from all (default: the model's, or else 0)", false, nullptr, "K"}, &O::top_k,
              0),
      real({"top-p", "Draw from the likeliest tokens that together have probability P; 1: from all (default: the model's, or else 1)",
            false, nullptr, "P"},
           &O::top_p, 0, 1, UpperEnd::inside),
      real({"min-p",
            "Draw from tokens of at least this share of the likeliest one's probability; 0: from all (default: the model's, or else 0)",
            false, nullptr, "P"},
           &O::min_p, 0, 1, UpperEnd::inside),
      real({"typical-p",
            "Draw from the tokens of most typical information that together have probability P; 1: from all (default: the model's, or "
            "else 1)",
            false, nullptr, "P"},
           &O::typical_p, 0, 1, UpperEnd::inside),
      real({"epsilon-cutoff", "Draw from tokens of at least this probability; 0: from all (default: the model's, or else 0)", false,
            nullptr, "P"},
           &O::epsilon_cutoff, 0, 1, UpperEnd::inside),
      real({"eta-cutoff", "The same with a probability that falls where much is possible; 0: from all (default: the model's, or else 0)",
            false, nullptr, "P"},
           &O::eta_cutoff, 0, 1, UpperEnd::inside),
      real({"repetition-penalty",
            "Above 1 tokens that the prompt or the text has become less likely; 1: stay as likely (default: the model's, or else 1)"},
           &O::repetition_penalty, 0),
      integer({"no-repeat-ngram-size",
               "No N tokens in a row come twice, those of the prompt counted; 0: they may (default: the model's, or "
               "else 0)"},
              &O::no_repeat_ngram_size, 0),
      integer({"seed", "The same seed gives the same text, on any number of threads", false, nullptr, "S"}, &O::seed, 0),
      integer({"sample", "With the same seed another number gives another text", false, nullptr, "I"}, &O::sample, 0, UINT32_MAX),
  };
  return table;
}

}  // namespace qkv
