#include "decode/sampling.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/option_error.h"
#include "base/philox.h"

namespace qkv {
namespace {

// Orders by descending probability, ties by lower id.
bool comes_first(const TokenProbability& a, const TokenProbability& b) {
  return a.probability != b.probability ? a.probability > b.probability : a.id < b.id;
}

bool comes_later(const TokenProbability& a, const TokenProbability& b) { return comes_first(b, a); }

// All tokens that are not suppressed, each with its logit in the place of the probability, which the caller computes.
std::vector<TokenProbability> candidates(std::span<const float> logits) {
  std::vector<TokenProbability> tokens(logits.size());
  for (size_t id = 0; id < logits.size(); ++id) {
    if (std::isnan(logits[id])) {
      fail(ErrorCode::bad_input,
           "the model's output is not a number; the training that wrote its weights had diverged, or they are damaged");
    }
    tokens[id] = {static_cast<int32_t>(id), static_cast<double>(logits[id])};
  }
  constexpr double kNever = -std::numeric_limits<double>::infinity();
  std::erase_if(tokens, [&](const TokenProbability& token) { return token.probability == kNever; });
  QKV_REQUIRE(!tokens.empty(), "[sampling] no token may come next: all are suppressed");
  return tokens;
}

void keep_top_k(std::vector<TokenProbability>& tokens, int64_t k) {
  if (k <= 0 || k >= static_cast<int64_t>(tokens.size())) return;
  std::vector<TokenProbability> sorted = tokens;
  std::nth_element(sorted.begin(), sorted.begin() + (k - 1), sorted.end(), comes_first);
  const double least = sorted[static_cast<size_t>(k - 1)].probability;
  std::erase_if(tokens, [&](const TokenProbability& token) { return token.probability < least; });
}

void softmax(std::vector<TokenProbability>& tokens, double temperature) {
  const double largest = std::min_element(tokens.begin(), tokens.end(), comes_first)->probability;
  double sum = 0;
  for (TokenProbability& token : tokens) {
    const double distance = token.probability == largest ? 0 : token.probability - largest;  // avoids infinity - infinity
    sum += token.probability = std::exp(distance / temperature);
  }
  for (TokenProbability& token : tokens) token.probability /= sum;
}

// Keeps a token if the likelier ones sum to less than p. Usually few are kept, so they are popped from a heap one by one.
void keep_top_p(std::vector<TokenProbability>& tokens, double p) {
  if (p >= 1) return;
  std::make_heap(tokens.begin(), tokens.end(), comes_later);
  std::vector<TokenProbability> kept;
  double reached = 0;
  for (auto end = tokens.end(); end != tokens.begin() && (kept.empty() || reached < p); --end) {
    std::pop_heap(tokens.begin(), end, comes_later);
    kept.push_back(*(end - 1));
    reached += kept.back().probability;
  }
  for (TokenProbability& token : kept) token.probability /= reached;
  tokens = std::move(kept);
}

// Divides by the sum, so that what is left of a distribution is one.
void normalize(std::vector<TokenProbability>& tokens) {
  double sum = 0;
  for (const TokenProbability& token : tokens) sum += token.probability;
  for (TokenProbability& token : tokens) token.probability /= sum;
}

// Keeps tokens of at least this probability, and always the likeliest ones.
void keep_probable(std::vector<TokenProbability>& tokens, double least) {
  const double largest = std::min_element(tokens.begin(), tokens.end(), comes_first)->probability;
  std::erase_if(tokens, [&](const TokenProbability& token) { return token.probability < std::min(least, largest); });
  normalize(tokens);
}

double entropy(std::span<const TokenProbability> tokens) {
  double sum = 0;
  for (const TokenProbability& token : tokens) {
    if (token.probability > 0) sum -= token.probability * std::log(token.probability);
  }
  return sum;
}

// Tokens are taken by the distance of -log p to the entropy until they reach the mass; as in transformers all at the last distance stay.
void keep_typical(std::vector<TokenProbability>& tokens, double mass) {
  if (mass >= 1) return;
  const double expected = entropy(tokens);
  const auto distance = [&](const TokenProbability& token) { return std::abs(-std::log(token.probability) - expected); };
  std::vector<std::pair<double, double>> sorted;  // distances and probabilities
  for (const TokenProbability& token : tokens) sorted.emplace_back(distance(token), token.probability);
  std::sort(sorted.begin(), sorted.end());
  double reached = 0;
  size_t last = 0;
  while (last + 1 < sorted.size() && (reached += sorted[last].second) < mass) ++last;
  std::erase_if(tokens, [&, most = sorted[last].first](const TokenProbability& token) { return distance(token) > most; });
  normalize(tokens);
}

}  // namespace

void validate(const SamplingOptions& options) {
  QKV_CHECK_OPTION(options.temperature >= 0 && std::isfinite(options.temperature),
                   "`temperature` {} cannot be; 0 takes the likeliest token", options.temperature);
  QKV_CHECK_OPTION(options.top_k >= 0, "`top_k` {} cannot be; 0 keeps all tokens", options.top_k);
  QKV_CHECK_OPTION(options.top_p > 0 && options.top_p <= 1, "`top_p` {} must be more than 0 and at most 1; 1 keeps all tokens",
                   options.top_p);
  QKV_CHECK_OPTION(options.min_p >= 0 && options.min_p <= 1, "`min_p` {} must be 0 to 1; 0 keeps all tokens", options.min_p);
  QKV_CHECK_OPTION(options.typical_p > 0 && options.typical_p <= 1, "`typical_p` {} must be more than 0 and at most 1; 1 keeps all tokens",
                   options.typical_p);
  QKV_CHECK_OPTION(options.epsilon_cutoff >= 0 && options.epsilon_cutoff <= 1, "`epsilon_cutoff` {} must be 0 to 1; 0 keeps all tokens",
                   options.epsilon_cutoff);
  QKV_CHECK_OPTION(options.eta_cutoff >= 0 && options.eta_cutoff <= 1, "`eta_cutoff` {} must be 0 to 1; 0 keeps all tokens",
                   options.eta_cutoff);
}

std::vector<TokenProbability> next_token_distribution(std::span<const float> logits, const SamplingOptions& options) {
  std::vector<TokenProbability> tokens = candidates(logits);
  if (options.temperature == 0) return {{std::min_element(tokens.begin(), tokens.end(), comes_first)->id, 1}};
  keep_top_k(tokens, options.top_k);
  softmax(tokens, options.temperature);
  keep_top_p(tokens, options.top_p);
  if (options.min_p > 0) {
    keep_probable(tokens, options.min_p * std::min_element(tokens.begin(), tokens.end(), comes_first)->probability);
  }
  keep_typical(tokens, options.typical_p);
  if (const double x = options.epsilon_cutoff; x > 0 && x < 1) keep_probable(tokens, x);
  if (const double x = options.eta_cutoff; x > 0 && x < 1) keep_probable(tokens, std::min(x, std::sqrt(x) * std::exp(-entropy(tokens))));
  return tokens;
}

int32_t draw_token(std::span<const float> logits, const SamplingOptions& options, const Draw& draw) {
  const std::vector<TokenProbability> tokens = next_token_distribution(logits, options);
  if (tokens.size() == 1) return tokens.front().id;
  const auto bits =
      philox({static_cast<uint32_t>(draw.seed), static_cast<uint32_t>(draw.seed >> 32)}, {draw.position, draw.sample, 0, 0x73616D70});
  const double uniform = static_cast<double>((uint64_t{bits[0]} << 32 | bits[1]) >> 11) * 0x1p-53;  // [0, 1)
  double passed = 0;
  for (const TokenProbability& token : tokens) {
    passed += token.probability;
    if (uniform < passed) return token.id;
  }
  return tokens.back().id;  // reached only if rounding made the sum too small
}

}  // namespace qkv
