#include "evaluate/scores.h"

#include <algorithm>
#include <string_view>

#include "base/option_error.h"
#include "base/utf8.h"
#include "evaluate/measures/bleu_tokenization.h"
#include "evaluate/measures/split_words.h"

namespace qkv {
namespace {

constexpr const char* kVersion = "2.6.0";  // sacreBLEU release that the golden numbers come from

std::string_view trimmed(std::string_view text) {
  const size_t begin = text.find_first_not_of(" \t\r");
  return begin == std::string_view::npos ? std::string_view() : text.substr(begin, text.find_last_not_of(" \t\r") + 1 - begin);
}

std::string signature(size_t references, const std::string& resampling, const std::string& own) {
  return fmt::format("nrefs:{}{}{}|{}|version:{}", references, resampling.empty() ? "" : "|", resampling, own, kVersion);
}

const char* yes_or_no(bool value) { return value ? "yes" : "no"; }

const char* name_of(BleuTokenization tokenization) {
  switch (tokenization) {
    case BleuTokenization::mteval_13a: return "13a";
    case BleuTokenization::international: return "intl";
    case BleuTokenization::chinese: return "zh";
    case BleuTokenization::character: return "char";
    case BleuTokenization::none: return "none";
  }
  return "";
}

BleuFormula formula_of(const ScoringOptions& options) {
  const double standard = options.smoothing == BleuSmoothing::floor ? 0.1 : 1;
  return {.smoothing = options.smoothing, .value = options.smoothing_value.value_or(standard)};
}

// sacreBLEU's convention for a corpus without any reference token, as of TER.
double percent_or_all(const ErrorRate& errors) { return errors.percent().value_or(errors.errors() > 0 ? 100 : 0); }

}  // namespace

Scores score_corpus(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  const std::vector<std::string> list(references.begin(), references.end());
  const CountingOptions options{.edit_rates = false};
  const LineCounts corpus = count_corpus(hypotheses, {&list, 1}, options);
  return {bleu(corpus.words), chrf(corpus.chrf.characters), bleu_signature(options.scoring, 1)};
}

double bleu_score(const LineCounts& corpus, const ScoringOptions& options) { return bleu(corpus.words, formula_of(options)); }

std::string bleu_signature(const ScoringOptions& options, size_t references, const std::string& resampling) {
  std::string smoothing;
  switch (options.smoothing) {
    case BleuSmoothing::exponential: smoothing = "exp"; break;
    case BleuSmoothing::floor: smoothing = fmt::format("floor[{:.2f}]", formula_of(options).value); break;
    case BleuSmoothing::add_k: smoothing = fmt::format("add-k[{:.2f}]", formula_of(options).value); break;
    case BleuSmoothing::none: smoothing = "none"; break;
  }
  return signature(
      references, resampling,
      fmt::format("case:{}|eff:no|tok:{}|smooth:{}", options.lowercase ? "lc" : "mixed", name_of(options.tokenization), smoothing));
}

std::string chrf_signature(const ScoringOptions& options, size_t references, int word_order, const std::string& resampling) {
  return signature(references, resampling,
                   fmt::format("case:{}|eff:yes|nc:6|nw:{}|space:no", options.lowercase ? "lc" : "mixed", word_order));
}

std::string ter_signature(const ScoringOptions& options, size_t references, const std::string& resampling) {
  return signature(references, resampling,
                   fmt::format("case:{}|tok:tercom|norm:{}|punct:{}|asian:{}", options.ter_case_sensitive ? "mixed" : "lc",
                               yes_or_no(options.ter_normalized), yes_or_no(!options.ter_no_punct), yes_or_no(options.ter_asian_support)));
}

std::vector<Measure> measures(const ScoringOptions& options, size_t references, const std::string& resampling) {
  std::vector<Measure> all{{.name = "BLEU", .signature = bleu_signature(options, references, resampling), .score = bleu_score},
                           {.name = "chrF2",
                            .signature = chrf_signature(options, references, 0, resampling),
                            .score = [](const LineCounts& corpus, const ScoringOptions&) { return chrf(corpus.chrf.characters); }},
                           {.name = "chrF2++",
                            .signature = chrf_signature(options, references, 2, resampling),
                            .score = [](const LineCounts& corpus,
                                        const ScoringOptions&) { return chrf(corpus.chrf.characters_beside_words, corpus.chrf.words); }},
                           {.name = "TER",
                            .signature = ter_signature(options, references, resampling),
                            .lower_is_better = true,
                            .score = [](const LineCounts& corpus, const ScoringOptions&) { return ter(corpus.ter); }}};
  if (options.word_error_rate)
    all.push_back(
        {.name = "word error rate", .signature = "", .lower_is_better = true, .score = [](const LineCounts& corpus, const ScoringOptions&) {
           return percent_or_all(corpus.word_errors);
         }});
  if (options.token_error_rate)
    all.push_back({.name = "token error rate",
                   .signature = "",
                   .lower_is_better = true,
                   .score = [](const LineCounts& corpus, const ScoringOptions&) { return percent_or_all(corpus.token_errors); }});
  return all;
}

void check_scoring_options(const ScoringOptions& options) {
  const bool has_value = options.smoothing == BleuSmoothing::floor || options.smoothing == BleuSmoothing::add_k;
  QKV_CHECK_OPTION(!options.smoothing_value || has_value, "`smoothing_value` goes with `smoothing` floor or add-k");
  QKV_CHECK_OPTION(!options.tokenizer || options.token_error_rate, "`tokenizer` goes with `token_error_rate`");
  QKV_CHECK_OPTION(!options.ter_asian_support || options.ter_normalized || options.ter_no_punct,
                   "`ter_asian_support` changes nothing without `ter_normalized` or `ter_no_punct`");
}

bool bleu_is_defined(std::span<const std::string> references, BleuTokenization tokenization) {
  return std::any_of(references.begin(), references.end(), [=](const std::string& line) {
    return split_words(tokenize_for_bleu(is_valid_utf8(line) ? line : replace_invalid_utf8(line), tokenization)).size() >= 4;
  });
}

size_t exact_matches(std::span<const std::string> hypotheses, ReferenceLists references) {
  size_t count = 0;
  for (size_t i = 0; i < hypotheses.size(); ++i) {
    count += std::any_of(references.begin(), references.end(),
                         [&](const std::vector<std::string>& list) { return trimmed(hypotheses[i]) == trimmed(list[i]); });
  }
  return count;
}

size_t exact_matches(std::span<const std::string> hypotheses, std::span<const std::string> references) {
  const std::vector<std::string> list(references.begin(), references.end());
  return exact_matches(hypotheses, ReferenceLists(&list, 1));
}

}  // namespace qkv
