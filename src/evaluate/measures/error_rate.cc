#include "evaluate/measures/error_rate.h"

#include <algorithm>
#include <string_view>
#include <tuple>
#include <unordered_map>

#include "evaluate/measures/split_words.h"
#include "qkv/tokenizer.h"

namespace qkv {

ErrorRate align_tokens(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference) {
  // Costs are errors in the upper half and substitutions in the lower one, so that the least cost has the fewest of both.
  constexpr uint64_t kError = uint64_t{1} << 32;
  std::vector<uint64_t> row(reference.size() + 1);
  for (size_t j = 0; j < row.size(); ++j) row[j] = j * kError;
  for (const uint32_t token : hypothesis) {
    uint64_t diagonal = row[0];
    row[0] += kError;
    for (size_t j = 1; j < row.size(); ++j) {
      const uint64_t substituted = diagonal + (token == reference[j - 1] ? 0 : kError + 1);
      diagonal = row[j];
      row[j] = std::min(substituted, std::min(row[j], row[j - 1]) + kError);
    }
  }
  const auto errors = static_cast<int64_t>(row.back() >> 32);
  ErrorRate result;
  result.substitutions = static_cast<int64_t>(row.back() & (kError - 1));
  result.tokens = std::ssize(reference);
  const int64_t longer = std::ssize(reference) - std::ssize(hypothesis);  // deletions less insertions
  result.deletions = (errors - result.substitutions + longer) / 2;
  result.insertions = errors - result.substitutions - result.deletions;
  return result;
}

void add_errors(ErrorRate& sum, const ErrorRate& line) {
  sum.substitutions += line.substitutions;
  sum.insertions += line.insertions;
  sum.deletions += line.deletions;
  sum.tokens += line.tokens;
  sum.unknown_tokens += line.unknown_tokens;
}

TokenSplitter white_space_splitter() {
  return [](const std::string& line, int64_t&) {
    const std::vector<std::string_view> words = split_words(line);
    return std::vector<std::string>(words.begin(), words.end());
  };
}

TokenSplitter tokenizer_splitter(const Tokenizer& tokenizer) {
  return [&tokenizer](const std::string& line, int64_t& unknown) {
    const EncodeOptions as_text{.add_special_tokens = false, .special_tokens_as_text = true, .find_tags = true};
    const std::vector<int32_t> ids = tokenizer.encode(line, as_text);
    const int64_t unknown_here = tokenizer.unknown_id() < 0 ? 0 : std::count(ids.begin(), ids.end(), tokenizer.unknown_id());
    std::vector<std::string> tokens;
    if (unknown_here == 0) {
      for (const int32_t id : ids) tokens.push_back(std::to_string(id));
      return tokens;
    }
    unknown += unknown_here;
    const Encoding encoding = tokenizer.encode_with_offsets(line, as_text);
    for (size_t i = 0; i < encoding.ids.size(); ++i) {
      const auto [begin, end] = encoding.offsets[i];
      const bool known = encoding.ids[i] != tokenizer.unknown_id();
      tokens.push_back(known ? std::to_string(encoding.ids[i]) : "text " + line.substr(begin, end - begin));
    }
    return tokens;
  };
}

ErrorRate count_token_errors(const std::string& hypothesis, std::span<const std::string> references, const TokenSplitter& split) {
  std::unordered_map<std::string, uint32_t> numbers;
  int64_t unknown = 0;
  const auto symbols_of = [&](const std::string& line) {
    Symbols symbols;
    for (std::string& token : split(line, unknown))
      symbols.push_back(numbers.try_emplace(std::move(token), static_cast<uint32_t>(numbers.size())).first->second);
    return symbols;
  };
  const Symbols tokens = symbols_of(hypothesis);
  ErrorRate best;
  for (size_t i = 0; i < references.size(); ++i) {
    const ErrorRate errors = align_tokens(tokens, symbols_of(references[i]));
    const auto rank = [](const ErrorRate& e) { return std::tuple(e.errors(), -e.tokens, e.substitutions); };
    if (i == 0 || rank(errors) < rank(best)) best = errors;
  }
  best.unknown_tokens = unknown;
  return best;
}

}  // namespace qkv
