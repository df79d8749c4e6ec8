#include "data/held_out.h"

#include <algorithm>
#include <map>

#include "base/error.h"
#include "base/number_text.h"
#include "base/utf8.h"
#include "data/text_pair.h"

namespace qkv {
namespace {

constexpr size_t kBlockBytes = size_t{8} << 20;

// FNV-1a with a final mix: the same on every machine and with every library.
uint64_t hash_text(std::string_view text, uint64_t seed) {
  uint64_t hash = 0xCBF29CE484222325 ^ (seed * 0x9E3779B97F4A7C15);
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3;
  hash ^= hash >> 33;
  hash *= 0xFF51AFD7ED558CCD;
  return hash ^ (hash >> 33);
}

bool is_blank(std::string_view text) { return text.find_first_not_of(" \t\r\n\v\f") == std::string_view::npos; }

struct Seen {
  int64_t times = 0, index = 0;
};

// The texts with the smallest hashes, at most `most`. A hash that is among them at the end always was, so its count is complete.
struct Smallest {
  std::map<uint64_t, Seen> texts;
  bool complete = true;  // no text was left out
};
Smallest smallest_hashes(const VisitTexts& visit, size_t most, uint64_t seed) {
  Smallest result;
  int64_t index = -1;
  visit([&](std::string_view text) {
    ++index;
    if (is_blank(text)) return;
    const uint64_t hash = hash_text(text, seed);
    if (!result.complete && hash > result.texts.rbegin()->first) return;
    Seen& seen = result.texts[hash];
    ++seen.times;
    seen.index = index;
    if (result.texts.size() <= most) return;
    result.texts.erase(std::prev(result.texts.end()));
    result.complete = false;
  });
  return result;
}

}  // namespace

std::vector<int64_t> choose_held_out(const VisitTexts& visit, int64_t count, uint64_t seed, const std::string& name) {
  for (size_t most = static_cast<size_t>(count) * 2 + 1000;; most *= 4) {
    const Smallest smallest = smallest_hashes(visit, most, seed);
    std::vector<int64_t> chosen;
    for (const auto& [hash, seen] : smallest.texts) {
      if (seen.times == 1 && std::ssize(chosen) < count) chosen.push_back(seen.index);
    }
    const bool all = std::ssize(chosen) == std::ssize(smallest.texts);  // nothing would be left to train on
    if (std::ssize(chosen) == count && !(smallest.complete && all)) {
      std::sort(chosen.begin(), chosen.end());
      return chosen;
    }
    if (smallest.complete) {
      fail(ErrorCode::bad_input, "{}: {} texts are to be held out to validate on, but only {} occur once{}", name, with_commas(count),
           with_commas(
               std::count_if(smallest.texts.begin(), smallest.texts.end(), [](const auto& entry) { return entry.second.times == 1; })),
           all ? ", and something must be left to train on" : "");
    }
  }
}

namespace {

void check_utf8(const TextSource& source, std::string_view line) {
  if (is_valid_utf8(line)) return;
  const TextSource::Place place = source.place(static_cast<size_t>(line.data() - source.text().data()));
  fail(ErrorCode::bad_input, "{}:{}: invalid UTF-8; convert the file to UTF-8, with iconv for example", place.name, place.line);
}

}  // namespace

HeldOutPairs hold_out_pairs(const PairSources& pairs, int64_t count, uint64_t seed, const TextSourceOptions& options) {
  const TextSource source = pairs.source.opened(), target = pairs.target.opened();
  const auto visit_lines = [&](const std::function<void(std::string_view, std::string_view)>& show) {
    TextPair pair(source, target);
    for (TextPair::Block block; pair.next(block, kBlockBytes);) {
      for (size_t i = 0; i < block.source.size(); ++i) show(block.source[i], block.target[i]);
    }
  };
  const std::vector<int64_t> chosen = choose_held_out(
      [&](const auto& show) { visit_lines([&](std::string_view a, std::string_view b) { show(is_blank(b) ? std::string_view() : a); }); },
      count, seed, source.name());
  TextSourceWriter sources[2] = {TextSourceWriter(options), TextSourceWriter(options)};
  TextSourceWriter targets[2] = {TextSourceWriter(options), TextSourceWriter(options)};
  auto next = chosen.begin();
  int64_t index = 0;
  visit_lines([&](std::string_view a, std::string_view b) {
    check_utf8(source, a);
    check_utf8(target, b);
    const bool held_out = next != chosen.end() && *next == index;
    if (held_out) ++next;
    ++index;
    for (const auto& [writer, line] : {std::pair(&sources[held_out], a), std::pair(&targets[held_out], b)}) {
      writer->append(line);
      writer->append("\n");
    }
  });
  return {{sources[0].finish(source.name()), targets[0].finish(target.name())},
          {sources[1].finish(source.name()), targets[1].finish(target.name())}};
}

HeldOutTexts hold_out_texts(const LabelledLines& lines, int64_t count, uint64_t seed) {
  const std::vector<int64_t> chosen = choose_held_out(
      [&](const auto& show) {
        for (const std::string& text : lines.texts) show(text);
      },
      count, seed, lines.source.name());
  HeldOutTexts result{{.source = lines.source}, {.source = lines.source}};
  auto next = chosen.begin();
  for (size_t i = 0; i < lines.texts.size(); ++i) {
    const bool held_out = next != chosen.end() && *next == static_cast<int64_t>(i);
    if (held_out) ++next;
    LabelledLines& part = held_out ? result.validation : result.training;
    part.texts.push_back(lines.texts[i]);
    part.labels.push_back(lines.labels[i]);
    if (!lines.seconds.empty()) part.seconds.push_back(lines.seconds[i]);
    part.offsets.push_back(lines.offsets[i]);
  }
  return result;
}

}  // namespace qkv
