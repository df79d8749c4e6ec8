#include "predict/entities.h"

#include <algorithm>
#include <numeric>
#include <string_view>
#include <utility>

#include "data/entity_spans.h"

namespace qkv {
namespace {

// A token or word with its label.
struct Part {
  ByteRange bytes;
  size_t label;
  double score;
};

size_t best_of(std::span<const double> p) { return static_cast<size_t>(std::max_element(p.begin(), p.end()) - p.begin()); }

Part part_of(const TokenScores& token) {
  const size_t label = best_of(token.p);
  return {token.bytes, label, token.p[label]};
}

Part part_of_word(std::span<const TokenScores> word, Aggregation aggregation) {
  Part part = part_of(word.front());
  if (aggregation == Aggregation::max) {
    for (const TokenScores& token : word) {
      if (const Part other = part_of(token); other.score > part.score) part = other;
    }
  } else if (aggregation == Aggregation::average) {
    std::vector<double> mean(word.front().p.size());
    for (const TokenScores& token : word) {
      for (size_t i = 0; i < mean.size(); ++i) mean[i] += token.p[i] / static_cast<double>(word.size());
    }
    part.label = best_of(mean);
    part.score = mean[part.label];
  }
  part.bytes = {word.front().bytes.begin, word.back().bytes.end};
  return part;
}

std::vector<Part> parts_of(std::span<const TokenScores> tokens, Aggregation aggregation) {
  std::vector<Part> parts;
  const bool words = aggregation != Aggregation::none && aggregation != Aggregation::simple;
  for (size_t begin = 0, end = 0; begin < tokens.size(); begin = end) {
    for (end = begin + 1; words && end < tokens.size() && tokens[end].continues_word;) ++end;
    parts.push_back(words ? part_of_word(tokens.subspan(begin, end - begin), aggregation) : part_of(tokens[begin]));
  }
  return parts;
}

// Joins neighbours of one entity.
std::vector<TaggedSpan> joined(std::span<const Part> parts, std::span<const std::string> labels) {
  const EntityScheme scheme(labels);
  std::vector<TaggedSpan> spans;
  double sum = 0, count = 0;
  for (size_t i = 0; i < parts.size(); ++i) {
    if (i == 0 || !scheme.continues(parts[i - 1].label, parts[i].label)) {
      spans.push_back({.label = scheme.name(parts[i].label), .begin = parts[i].bytes.begin});
      sum = count = 0;
    }
    sum += parts[i].score;
    count += 1;
    spans.back().end = parts[i].bytes.end;
    spans.back().score = sum / count;
  }
  return spans;
}

bool is_character_start(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

}  // namespace

std::vector<TaggedSpan> find_spans(std::span<const TokenScores> tokens, std::span<const std::string> labels, Aggregation aggregation) {
  const std::vector<Part> parts = parts_of(tokens, aggregation);
  if (aggregation != Aggregation::none) return joined(parts, labels);
  std::vector<TaggedSpan> spans;
  for (const Part& part : parts) spans.push_back({labels[part.label], part.score, part.bytes.begin, part.bytes.end});
  return spans;
}

std::vector<TaggedSpan> merge_windows(std::vector<TaggedSpan> spans) {
  std::stable_sort(spans.begin(), spans.end(), [](const TaggedSpan& a, const TaggedSpan& b) { return a.begin < b.begin; });
  std::vector<TaggedSpan> merged;
  for (TaggedSpan& span : spans) {
    if (merged.empty() || span.begin >= merged.back().end) {
      merged.push_back(std::move(span));
      continue;
    }
    const size_t length = span.end - span.begin, kept = merged.back().end - merged.back().begin;
    if (length > kept || (length == kept && span.score > merged.back().score)) merged.back() = std::move(span);
  }
  return merged;
}

std::vector<bool> continued_words(const Tokenizer& tokenizer, const Encoding& encoding, std::string_view text, bool marked) {
  std::vector<bool> continued(encoding.ids.size());
  for (size_t i = 0; i < continued.size(); ++i) {
    const auto [begin, end] = encoding.offsets[i];
    if (encoding.ids[i] == tokenizer.unknown_id() || begin > end || end > text.size()) continue;
    if (marked) {
      const std::string& token = tokenizer.id_to_token(encoding.ids[i]);
      const std::string_view covered = text.substr(begin, end - begin);
      continued[i] = std::ranges::count_if(token, is_character_start) != std::ranges::count_if(covered, is_character_start);
    } else {
      continued[i] = begin > 0 && text[begin - 1] != ' ' && (begin == text.size() || text[begin] != ' ');
    }
  }
  return continued;
}

}  // namespace qkv
