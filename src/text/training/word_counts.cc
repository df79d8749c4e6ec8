#include "text/training/word_counts.h"

#include <algorithm>
#include <unordered_map>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/files.h"
#include "base/log.h"
#include "base/parallel.h"
#include "base/text_file.h"
#include "base/utf8.h"

namespace qkv {
namespace {

constexpr size_t kChunk = size_t{1} << 20;        // bytes of text that one thread takes at a time
constexpr size_t kMostChunks = 64;                // per round: their counts are held until they are added up
constexpr size_t kChunkBytes = size_t{24} << 20;  // that the words of a chunk may take if they all differ

struct Hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using Counts = std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>>;

class Counter {
 public:
  explicit Counter(const WordRules& rules) : rules_(rules) {}

  // Counts the lines or documents of a text.
  void add_all(std::string_view text, Counts& counts) const {
    const std::string_view separator = rules_.whole_texts ? rules_.separator : "\n";
    while (!text.empty()) {
      const size_t end = separator.empty() ? text.size() : std::min(text.find(separator), text.size());
      std::string_view part = text.substr(0, end);
      if (!rules_.whole_texts && part.ends_with('\r')) part.remove_suffix(1);
      add(part, counts);
      text.remove_prefix(std::min(end + separator.size(), text.size()));
    }
  }

  // Ends of chunks of about kChunk bytes.
  std::vector<size_t> chunk_ends(std::string_view text) const {
    std::vector<size_t> ends;
    for (size_t begin = 0; begin < text.size(); begin = ends.back()) {
      const std::string_view rest = text.substr(begin);
      size_t length = rest.size();
      if (length > kChunk)
        length = rules_.whole_texts ? text_cut(rest, kChunk, rules_.separator, !rules_.may_cut_words)
                                    : std::min(rest.find('\n', kChunk - 1), length - 1) + 1;
      ends.push_back(begin + length);
    }
    return ends;
  }

  void add(std::string_view text, Counts& counts) const {
    if (text.empty()) return;
    NormalizedText normalized(text);
    if (rules_.normalizer) rules_.normalizer->normalize(normalized);
    if (normalized.text.empty()) return;
    PieceList list(std::move(normalized));
    if (rules_.pre_tokenizer) rules_.pre_tokenizer->apply(list);
    for (const PieceList::Piece& piece : list.pieces) {
      const std::string_view word = list.view(piece);
      const auto found = counts.find(word);
      if (found == counts.end()) {
        counts.emplace(word, 1);
      } else {
        ++found->second;
      }
    }
  }

 private:
  const WordRules& rules_;
};

// The sum of many tables of counts, in any order.
class Total {
 public:
  explicit Total(size_t memory) : memory_(memory) {}
  ~Total() {
    if (floor_ > 0) {
      log_warning("the text has more different words than the memory allows; those seen {} were dropped now and then while counting",
                  floor_ == 1 ? std::string("once") : fmt::format("at most {} times", floor_));
    }
  }
  Total(const Total&) = delete;
  Total& operator=(const Total&) = delete;

  void add(std::vector<Counts>& parts) {
    for (Counts& part : parts) {
      while (!part.empty()) {
        auto entry = part.extract(part.begin());
        const auto [place, fresh] = counts_.try_emplace(std::move(entry.key()), entry.mapped());
        fresh ? bytes_ += kWordBytes + place->first.size() : place->second += entry.mapped();
      }
    }
    if (bytes_ <= memory_) return;
    for (uint64_t least = 1; bytes_ > memory_ / 4 * 3; ++least) drop(least);
  }
  std::vector<WordCount> sorted() {
    std::vector<WordCount> words;
    words.reserve(counts_.size());
    while (!counts_.empty()) {
      auto entry = counts_.extract(counts_.begin());
      words.push_back({std::move(entry.key()), entry.mapped()});
    }
    std::sort(words.begin(), words.end(), [](const WordCount& a, const WordCount& b) { return a.word < b.word; });
    return words;
  }

 private:
  void drop(uint64_t most) {
    floor_ = std::max(floor_, most);
    std::erase_if(counts_, [&](const auto& entry) {
      if (entry.second > most) return false;
      bytes_ -= kWordBytes + entry.first.size();
      return true;
    });
  }

  const size_t memory_;
  Counts counts_;
  size_t bytes_ = 0;
  uint64_t floor_ = 0;  // words seen this often were dropped at some time
};

// `chunk` lies in the source's text.
void check_utf8(const TextSource& source, std::string_view chunk) {
  const size_t valid = valid_utf8_prefix(chunk);
  if (valid == chunk.size()) return;
  const TextSource::Place place = source.place(static_cast<size_t>(chunk.data() + valid - source.text().data()));
  fail(ErrorCode::bad_input, "{}: line {} is not valid UTF-8; convert the file to UTF-8 or take the line out", place.name, place.line);
}

}  // namespace

std::vector<WordCount> count_words(std::span<const TextPart> parts, const WordRules& rules) {
  const Counter counter(rules);
  Total total(rules.memory);
  const size_t round = std::clamp<size_t>(rules.memory / kChunkBytes, 1, kMostChunks);
  for (const TextPart& each : parts) {
    const TextPart part = opened(each, {.cancellation = rules.cancellation});
    part.source.check(rules.whole_texts ? TextShape::whole : TextShape::lines);
    const std::string_view text = view_of(part);
    const std::string name = std::filesystem::path(part.source.name()).filename().string();
    const std::vector<size_t> ends = counter.chunk_ends(text);
    for (size_t first = 0; first < ends.size(); first += round) {
      throw_if_cancelled(rules.cancellation);
      if (rules.progress) rules.progress(fmt::format("{}: {} of {} MB read", name, first, ends.size()));
      std::vector<Counts> counts(std::min(round, ends.size() - first));
      std::vector<std::string> faults(counts.size());
      parallel_for(static_cast<int64_t>(counts.size()), [&](int64_t i) {
        const size_t index = first + static_cast<size_t>(i), begin = index == 0 ? 0 : ends[index - 1];
        const std::string_view chunk = text.substr(begin, ends[index] - begin);
        try {
          check_utf8(part.source, chunk);
          counter.add_all(chunk, counts[static_cast<size_t>(i)]);
        } catch (const Error& error) {  // kept, so that the first bad line is named on any number of threads
          if (error.code() != ErrorCode::bad_input) throw;
          faults[static_cast<size_t>(i)] = error.what();
        }
      });
      for (const std::string& fault : faults) {
        if (!fault.empty()) throw Error(ErrorCode::bad_input, fault);
      }
      total.add(counts);
      const auto offset = static_cast<size_t>(text.data() - part.source.text().data());
      part.source.release(offset + (first == 0 ? 0 : ends[first - 1]), offset + ends[first + counts.size() - 1]);
    }
  }
  return total.sorted();
}

std::vector<WordCount> count_words(std::span<const std::string> texts, const WordRules& rules) {
  const Counter counter(rules);
  Total total(rules.memory);
  std::vector<Counts> counts(1);
  size_t pending = 0;  // bytes of text
  for (size_t i = 0; i < texts.size(); ++i) {
    if (!is_valid_utf8(texts[i])) fail(ErrorCode::bad_input, "line {} is not valid UTF-8", i + 1);
    rules.whole_texts ? counter.add_all(texts[i], counts[0]) : counter.add(texts[i], counts[0]);
    pending += texts[i].size();
    if (pending < kChunk) continue;
    total.add(counts);
    pending = 0;
  }
  total.add(counts);
  return total.sorted();
}

}  // namespace qkv
