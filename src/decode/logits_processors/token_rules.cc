#include "decode/logits_processors/token_rules.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/error.h"
#include "base/option_error.h"

namespace qkv {

TokenRules token_rules(const GenerationDefaults& generation) {
  return {.bad_words = generation.bad_words,
          .suppressed = generation.suppress_tokens,
          .begin_suppressed = generation.begin_suppress_tokens,
          .forced_first = generation.forced_bos_token_id,
          .forced_last = generation.forced_eos_token_ids,
          .decay = generation.exponential_decay_length_penalty,
          .repetition_penalty = generation.repetition_penalty,
          .no_repeat_ngram_size = generation.no_repeat_ngram_size};
}

void validate(const TokenRules& rules, const TransformerConfig& config) {
  const auto check = [&](const char* name, const std::vector<int32_t>& ids) {
    for (const int32_t id : ids) {
      QKV_REQUIRE(id >= 0 && id < config.vocab_size, "{}: token {} is outside the vocabulary of {} tokens", name, id, config.vocab_size);
    }
  };
  check("bad words", rules.bad_words);
  check("suppressed tokens", rules.suppressed);
  check("tokens that are suppressed at the beginning", rules.begin_suppressed);
  if (rules.forced_first) check("forced_bos_token_id", {*rules.forced_first});
  check("forced_eos_token_id", rules.forced_last);
  QKV_CHECK_OPTION(rules.repetition_penalty > 0 && std::isfinite(rules.repetition_penalty),
                   "`repetition_penalty` {} must be more than 0; above 1 repetition is less likely, 1 changes nothing",
                   rules.repetition_penalty);
  QKV_CHECK_OPTION(rules.no_repeat_ngram_size >= 0, "`no_repeat_ngram_size` {} cannot be; 0 forbids nothing", rules.no_repeat_ngram_size);
}

std::vector<int32_t> forbidden_tokens(const TokenRules& rules, const TransformerConfig& config, int64_t new_tokens, bool may_end) {
  std::vector<int32_t> ids = rules.suppressed;
  std::copy_if(rules.bad_words.begin(), rules.bad_words.end(), std::back_inserter(ids), [&](int32_t id) { return !config.is_eos(id); });
  if (new_tokens == first_free_token(rules)) ids.insert(ids.end(), rules.begin_suppressed.begin(), rules.begin_suppressed.end());
  if (!may_end) ids.insert(ids.end(), config.eos_token_ids.begin(), config.eos_token_ids.end());
  std::sort(ids.begin(), ids.end());
  ids.erase(std::unique(ids.begin(), ids.end()), ids.end());
  return ids;
}

int64_t first_free_token(const TokenRules& rules) { return rules.forced_first ? 1 : 0; }

double end_bonus(const TokenRules& rules, int64_t new_tokens) {
  if (!rules.decay || new_tokens <= rules.decay->start) return 0;
  const double grown = std::pow(static_cast<double>(rules.decay->factor), static_cast<double>(new_tokens - rules.decay->start)) - 1;
  return std::min(grown, static_cast<double>(std::numeric_limits<float>::max()));
}

}  // namespace qkv
