#include "text/unicode/split_patterns.h"

#include <algorithm>
#include <array>
#include <string>

namespace qkv::patterns {
namespace {

// Patterns that cut before spaces come first.
constexpr size_t kCutBeforeSpaces = 12;
constexpr std::array kKnown = {
    kGpt2,
    kCl100k,
    kLlama3,
    kQwen2,
    kQwen35,
    kO200k,
    kTekken,
    kBailing,
    kSeedCoder,
    kDeepSeekV3,
    // GPT-4's as transformers converts it.
    std::string_view(R"('(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+)"),
    // Qwen's without contractions.
    std::string_view(R"([^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)"),

    kClip,
    // Numbers, line ends and scripts that are split off by separate patterns (StarCoder, Falcon, DeepSeek).
    std::string_view(R"(\p{N})"),
    std::string_view(R"(\p{N}+)"),
    std::string_view(R"(\p{N}{1,3})"),
    std::string_view(R"(\d)"),
    std::string_view(R"([0-9])"),
    std::string_view(R"([0-9][0-9][0-9])"),
    std::string_view(R"([\r\n])"),
    std::string_view(R"([^\n]+|[\n]+)"),
    std::string_view(R"( {2,})"),
    std::string_view(R"(\s)"),
    std::string_view(R"(\s?\p{L}+)"),
    std::string_view(R"(\s?\p{P}+)"),
    std::string_view(R"([\p{P}\$\+<=>\^~\|`]+)"),
    std::string_view(R"([\p{P}\$\+<=>\^~\|]+)"),
    std::string_view(R"([一-龥぀-ゟ゠-ヿ]+)"),
    std::string_view(R"([一-龥ࠀ-一가-퟿]+)"),
};

std::string with_escaped_line_ends(std::string_view pattern) {
  std::string result;
  for (const char c : pattern) {
    if (c == '\r' || c == '\n') {
      result.append(c == '\r' ? "\\r" : "\\n");
    } else {
      result.push_back(c);
    }
  }
  return result;
}

bool is_among(std::span<const std::string_view> patterns, std::string_view pattern) {
  return std::find(patterns.begin(), patterns.end(), with_escaped_line_ends(pattern)) != patterns.end();
}

}  // namespace

std::span<const std::string_view> all_known() { return kKnown; }
bool is_known(std::string_view pattern) { return is_among(kKnown, pattern); }
bool begins_words_with_spaces(std::string_view pattern) { return is_among(std::span(kKnown).first(kCutBeforeSpaces), pattern); }

}  // namespace qkv::patterns
