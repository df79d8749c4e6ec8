// Errors of recognized or transcribed lines: the edit distance between tokens (Levenshtein 1966), for each token of the reference.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "qkv/evaluator.h"

namespace qkv {

using Symbols = std::vector<uint32_t>;

// Counts the errors of the best alignment: fewest errors, then fewest substitutions. O(product of the lengths).
ErrorRate align_tokens(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference);

void add_errors(ErrorRate& sum, const ErrorRate& line);

// Cuts a line into tokens, which are compared as texts. Adds tokens that a tokenizer does not know to `unknown`.
using TokenSplitter = std::function<std::vector<std::string>(const std::string& line, int64_t& unknown)>;
TokenSplitter white_space_splitter();
// Tokens of a tokenizer; what it does not know is compared by the text it covers. The tokenizer must outlive the splitter.
TokenSplitter tokenizer_splitter(const Tokenizer& tokenizer);

// Texts are valid UTF-8. If there are several references, the one with the fewest errors counts; the longest one on a tie.
ErrorRate count_token_errors(const std::string& hypothesis, std::span<const std::string> references, const TokenSplitter& split);

}  // namespace qkv
