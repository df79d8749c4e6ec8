#include "data/text_pair.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>

#include "base/error.h"
#include "base/number_text.h"
#include "data/block_hash.h"

namespace qkv {
namespace {

struct Scan {
  int64_t lines = 0;
  uint64_t hash = 0;
};

// Counts lines and hashes the content in one pass, on all threads.
Scan scan(const TextSource& source) {
  std::atomic<int64_t> newlines{0};
  const uint64_t hash = hash_blocks(
      source.text(), [&](size_t begin, size_t end) { source.release(begin, end); },
      [&](int64_t, std::string_view block) { newlines += std::count(block.begin(), block.end(), '\n'); });
  const bool open_end = !source.text().empty() && source.text().back() != '\n';
  return {newlines + open_end, hash};
}

int64_t lines_of(std::string_view text) { return std::count(text.begin(), text.end(), '\n') + (!text.empty() && text.back() != '\n'); }

std::vector<uint32_t> line_lengths(std::string_view text, int64_t lines) {
  std::vector<uint32_t> lengths;
  lengths.reserve(static_cast<size_t>(lines));
  for (size_t offset = 0; offset < text.size();) {
    lengths.push_back(static_cast<uint32_t>(std::min<size_t>(take_line(text, offset).size(), UINT32_MAX)));
  }
  return lengths;
}

// A file, or a whole side of several.
struct Side {
  const std::string& name;
  std::string_view text;
  int64_t lines;
};

[[noreturn]] void fail_different_counts(const Side& one, const Side& other) {
  const Side &shorter = one.lines < other.lines ? one : other, &longer = one.lines < other.lines ? other : one;
  const int64_t place = find_missing_line(line_lengths(longer.text, longer.lines), line_lengths(shorter.text, shorter.lines));
  const std::string counts =
      fmt::format("{} has {} lines, {} has {}", shorter.name, with_commas(shorter.lines), longer.name, with_commas(longer.lines));
  if (place < 0) fail(ErrorCode::bad_input, "{}; line i of one must translate line i of the other", counts);
  const int64_t missing = longer.lines - shorter.lines;
  const std::string which = missing == 1 ? fmt::format("line {}", with_commas(place + 1))
                                         : fmt::format("the {} lines from {} on", with_commas(missing), with_commas(place + 1));
  fail(ErrorCode::bad_input, "{}; {} of {} (or near there) may be without translation: the ratio of lengths breaks the pattern", counts,
       which, longer.name);
}

// Where both sides have as many files, these belong together two by two.
void check_parts(const TextSource& source, const TextSource& target) {
  if (source.parts().size() != target.parts().size() || source.parts().size() == 1) return;
  for (size_t i = 0; i < source.parts().size(); ++i) {
    const TextSource::Part &a = source.parts()[i], &b = target.parts()[i];
    const Side one{a.name, source.text_of(a), lines_of(source.text_of(a))}, other{b.name, target.text_of(b), lines_of(target.text_of(b))};
    if (one.lines != other.lines) fail_different_counts(one, other);
  }
}

}  // namespace

// Translations have similar lengths: aligned lines differ less in the logarithm of their lengths than random pairs do. With d lines missing
// at place k, lines before k are aligned directly and later ones with a shift of d; the best k has the smallest sum of differences. It
// counts as found if that sum is well below that of unrelated lines.
int64_t find_missing_line(const std::vector<uint32_t>& longer, const std::vector<uint32_t>& shorter) {
  const size_t count = shorter.size(), gap = longer.size() - count;
  if (count < 20) return -1;
  const auto difference = [&](size_t i, size_t j) {
    return std::abs(std::log((static_cast<double>(longer[i]) + 1) / (static_cast<double>(shorter[j]) + 1)));
  };
  double sum = 0, strangers = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += difference(i + gap, i);  // the place is 0: all lines are shifted
    strangers += difference((i + count / 2) % count, i);
  }
  double best = sum;
  size_t place = 0;
  for (size_t i = 0; i < count; ++i) {
    sum += difference(i, i) - difference(i + gap, i);
    if (sum < best) {
      best = sum;
      place = i + 1;
    }
  }
  return best < 0.8 * strangers ? static_cast<int64_t>(place) : -1;
}

TextPair::TextPair(const TextSource& source, const TextSource& target) : source_(source.opened()), target_(target.opened()) {
  source_.check(TextShape::lines);
  target_.check(TextShape::lines);
  const Scan a = scan(source_), b = scan(target_);
  for (const auto& [side, lines] : {std::pair(&source_, a.lines), std::pair(&target_, b.lines)}) {
    if (lines == 0) fail(ErrorCode::bad_input, "{} is empty; it needs one sentence a line", side->name());
  }
  check_parts(source_, target_);
  if (a.lines != b.lines) fail_different_counts({source_.name(), source_.text(), a.lines}, {target_.name(), target_.text(), b.lines});
  lines_ = a.lines;
  content_hash_ = a.hash * 31 + b.hash;
}

bool TextPair::next(Block& block, size_t bytes) {
  block.source.clear();
  block.target.clear();
  block.first_line = next_line_;
  if (next_line_ == lines_) return false;
  source_.release(source_block_, source_offset_);
  target_.release(target_block_, target_offset_);
  source_block_ = source_offset_;
  target_block_ = target_offset_;
  while (next_line_ < lines_ && source_offset_ - source_block_ < bytes && target_offset_ - target_block_ < bytes) {
    block.source.push_back(take_line(source_.text(), source_offset_));
    block.target.push_back(take_line(target_.text(), target_offset_));
    ++next_line_;
  }
  return true;
}

}  // namespace qkv
