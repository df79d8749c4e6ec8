#include "text/pipeline/encoding.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/error.h"

namespace qkv {
namespace {

using Tokens = std::vector<EncodedToken>;

Tokens joined(const Tokens& first, const Tokens& second) {
  Tokens tokens;
  tokens.reserve(first.size() + second.size());
  tokens.insert(tokens.end(), first.begin(), first.end());
  tokens.insert(tokens.end(), second.begin(), second.end());
  return tokens;
}

// Splits one text into parts of `length` tokens that overlap by `stride` tokens: the first part stays, the others go to `overflowing`.
void cut(EncodedText& text, size_t length, const Truncation& truncation) {
  const size_t size = text.tokens.size();
  if (length >= size) return;
  if (length == 0) {
    if (truncation.overflowing) text.overflowing.push_back(text.tokens);
    text.tokens.clear();
    return;
  }
  QKV_REQUIRE(truncation.stride < length, "a stride of {} tokens leaves no new ones in parts of {}; it must be smaller", truncation.stride,
              length);
  const Tokens all = std::exchange(text.tokens, {});
  const auto part = [&](size_t begin, size_t end) {
    return Tokens(all.begin() + static_cast<ptrdiff_t>(begin), all.begin() + static_cast<ptrdiff_t>(end));
  };
  const size_t step = length - truncation.stride;
  const bool right = truncation.direction == Truncation::Direction::right;
  for (size_t done = 0;; done += step) {
    const size_t taken = std::min(length, size - done);
    Tokens tokens = right ? part(done, done + taken) : part(size - done - taken, size - done);
    if (done == 0) {
      text.tokens = std::move(tokens);
    } else {
      text.overflowing.push_back(std::move(tokens));
    }
    if (done + taken == size || !truncation.overflowing) return;
  }
}

// Number of tokens to keep of each of two texts: the longer one is shortened first, then both equally.
std::pair<size_t, size_t> longest_first(size_t first, size_t second, size_t max_length) {
  const auto [shorter, longer] = std::minmax({first, second});
  std::pair<size_t, size_t> kept{shorter, std::max(shorter, max_length - std::min(shorter, max_length))};
  if (kept.first + kept.second > max_length) kept = {max_length / 2, max_length / 2 + max_length % 2};
  if (first > second) std::swap(kept.first, kept.second);
  return {std::min(kept.first, first), std::min(kept.second, second)};
}

}  // namespace

EncodedText join(std::vector<EncodedText> parts) {
  EncodedText whole;
  for (EncodedText& part : parts) {
    std::vector<Tokens> overflowing;
    for (const Tokens& first : whole.overflowing) {
      overflowing.push_back(joined(first, part.tokens));
      for (const Tokens& second : part.overflowing) overflowing.push_back(joined(first, second));
    }
    for (const Tokens& second : part.overflowing) overflowing.push_back(joined(whole.tokens, second));
    whole.tokens.insert(whole.tokens.end(), part.tokens.begin(), part.tokens.end());
    whole.overflowing = std::move(overflowing);
  }
  return whole;
}

void truncate(std::vector<EncodedText>& texts, const Truncation& truncation, size_t reserved) {
  using Strategy = Truncation::Strategy;
  QKV_REQUIRE(truncation.max_length >= reserved, "a maximal length of {} tokens has no room for the {} special tokens",
              truncation.max_length, reserved);
  const size_t max_length = truncation.max_length - reserved;
  const size_t first = texts[0].tokens.size(), second = texts.size() > 1 ? texts[1].tokens.size() : 0;
  if (max_length == 0) {
    for (EncodedText& text : texts) cut(text, 0, truncation);
    return;
  }
  if (first + second <= max_length) return;
  if (truncation.strategy == Strategy::longest_first) {
    const auto [of_first, of_second] = texts.size() > 1 ? longest_first(first, second, max_length) : std::pair{max_length, size_t{0}};
    cut(texts[0], of_first, truncation);
    if (texts.size() > 1) cut(texts[1], of_second, truncation);
    return;
  }
  const size_t index = truncation.strategy == Strategy::only_first ? 0 : 1;
  QKV_REQUIRE(index < texts.size(), "only the second text may be truncated, but there is only one");
  const size_t size = texts[index].tokens.size(), excess = first + second - max_length;
  QKV_REQUIRE(size > excess, "the {} text has {} tokens, too few to take {} away", index == 0 ? "first" : "second", size, excess);
  cut(texts[index], size - excess, truncation);
}

Encoding finished(const EncodedText& text) {
  const auto columns = [](const Tokens& tokens) {
    Encoding encoding;
    encoding.ids.reserve(tokens.size());
    encoding.offsets.reserve(tokens.size());
    encoding.type_ids.reserve(tokens.size());
    encoding.sequences.reserve(tokens.size());
    encoding.special_tokens_mask.reserve(tokens.size());
    for (const EncodedToken& token : tokens) {
      encoding.ids.push_back(token.id);
      encoding.offsets.push_back(token.offsets);
      encoding.type_ids.push_back(token.type_id);
      encoding.sequences.push_back(token.sequence);
      encoding.special_tokens_mask.push_back(token.sequence < 0 ? 1 : 0);
    }
    return encoding;
  };
  Encoding encoding = columns(text.tokens);
  for (const Tokens& tokens : text.overflowing) encoding.overflowing.push_back(columns(tokens));
  return encoding;
}

}  // namespace qkv
