#include "text/word_counts.h"

#include <algorithm>
#include <unordered_map>

#include "base/error.h"
#include "base/files.h"
#include "base/interrupt.h"
#include "base/parallel.h"
#include "text/utf8.h"

namespace qkv {
namespace {

constexpr size_t kChunk = size_t{1} << 20;  // bytes of text that one thread takes at a time
constexpr size_t kChunksPerRound = 64;      // their counts are held until they are added up

struct Hash {
  using is_transparent = void;
  size_t operator()(std::string_view text) const { return std::hash<std::string_view>{}(text); }
};
using Counts = std::unordered_map<std::string, uint64_t, Hash, std::equal_to<>>;

class Counter {
 public:
  Counter(const Normalizer* normalizer, const PreTokenizer* pre_tokenizer) : normalizer_(normalizer), pre_tokenizer_(pre_tokenizer) {}

  void add(std::string_view line, Counts& counts) const {
    if (line.empty()) return;
    NormalizedText normalized{std::string(line)};
    if (normalizer_) normalizer_->normalize(normalized);
    if (normalized.text.empty()) return;
    PieceList list(std::move(normalized));
    if (pre_tokenizer_) pre_tokenizer_->apply(list);
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
  const Normalizer* normalizer_;
  const PreTokenizer* pre_tokenizer_;
};

// Sums of many tables of counts, whose order does not matter.
class Total {
 public:
  void add(std::vector<Counts>& parts) {
    for (Counts& part : parts) {
      while (!part.empty()) {
        auto entry = part.extract(part.begin());
        const auto [place, fresh] = counts_.try_emplace(std::move(entry.key()), entry.mapped());
        if (!fresh) place->second += entry.mapped();
      }
    }
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
  Counts counts_;
};

// Ends of chunks of about kChunk bytes, each behind a line end or at the end of the text.
std::vector<size_t> chunk_ends(std::string_view text) {
  std::vector<size_t> ends;
  for (size_t begin = 0; begin < text.size();) {
    const size_t line_end = text.size() - begin > kChunk ? text.find('\n', begin + kChunk - 1) : std::string_view::npos;
    begin = line_end == std::string_view::npos ? text.size() : line_end + 1;
    ends.push_back(begin);
  }
  return ends;
}

void count_chunk(const Counter& counter, const std::filesystem::path& file, std::string_view text, size_t begin, size_t end,
                 Counts& counts) {
  const size_t valid = valid_utf8_prefix(text.substr(begin, end - begin));
  if (valid < end - begin) {
    const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<ptrdiff_t>(begin + valid), '\n');
    fail(ErrorCode::bad_input, "{}: line {} is not valid UTF-8; convert the file to UTF-8 or take the line out", file.string(), line);
  }
  while (begin < end) {
    size_t line_end = std::min(end, text.find('\n', begin));
    std::string_view line = text.substr(begin, line_end - begin);
    if (line.ends_with('\r')) line.remove_suffix(1);
    counter.add(line, counts);
    begin = line_end + 1;
  }
}

}  // namespace

std::vector<WordCount> count_words(std::span<const std::filesystem::path> files, const Normalizer* normalizer,
                                   const PreTokenizer* pre_tokenizer) {
  const Counter counter(normalizer, pre_tokenizer);
  Total total;
  for (const std::filesystem::path& path : files) {
    const MappedFile file(path);
    const std::vector<size_t> ends = chunk_ends(file.text());
    for (size_t first = 0; first < ends.size(); first += kChunksPerRound) {
      throw_if_interrupted();
      std::vector<Counts> parts(std::min(kChunksPerRound, ends.size() - first));
      std::vector<std::string> faults(parts.size());
      parallel_for(static_cast<int64_t>(parts.size()), [&](int64_t i) {
        const size_t chunk = first + static_cast<size_t>(i);
        try {
          count_chunk(counter, path, file.text(), chunk == 0 ? 0 : ends[chunk - 1], ends[chunk], parts[static_cast<size_t>(i)]);
        } catch (const Error& error) {  // kept, so that the first bad line is named on any number of threads
          if (error.code() != ErrorCode::bad_input) throw;
          faults[static_cast<size_t>(i)] = error.what();
        }
      });
      for (const std::string& fault : faults) {
        if (!fault.empty()) throw Error(ErrorCode::bad_input, fault);
      }
      total.add(parts);
    }
  }
  return total.sorted();
}

std::vector<WordCount> count_words(std::span<const std::string> lines, const Normalizer* normalizer, const PreTokenizer* pre_tokenizer) {
  const Counter counter(normalizer, pre_tokenizer);
  std::vector<Counts> counts(1);
  for (size_t i = 0; i < lines.size(); ++i) {
    if (!is_valid_utf8(lines[i])) fail(ErrorCode::bad_input, "line {} is not valid UTF-8", i + 1);
    counter.add(lines[i], counts[0]);
  }
  Total total;
  total.add(counts);
  return total.sorted();
}

}  // namespace qkv
