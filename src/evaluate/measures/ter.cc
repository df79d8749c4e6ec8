#include "evaluate/measures/ter.h"

#include <algorithm>
#include <cmath>
#include <tuple>
#include <unordered_map>

#include "evaluate/measures/split_words.h"
#include "evaluate/measures/ter_tokenization.h"

namespace qkv {
namespace {

constexpr int64_t kMostShifted = 10;       // words of a shifted phrase
constexpr int64_t kFarthestShift = 50;     // words between the phrase and its match
constexpr int64_t kBeamWidth = 25;         // cells on each side of the diagonal
constexpr int64_t kMostCandidates = 1000;  // shifts tried for a sentence
constexpr int32_t kUnreachable = 1 << 30;

using Words = std::vector<uint32_t>;

enum class Edit : uint8_t { none, match, substitute, insert_word, delete_word };

// A row of the matrix of edit distances: the cells near the diagonal, all others are unreachable.
struct Row {
  int64_t begin = 0;
  std::vector<int32_t> costs;
  std::vector<Edit> edits;

  int32_t at(int64_t j) const { return j >= begin && j < begin + std::ssize(costs) ? costs[static_cast<size_t>(j - begin)] : kUnreachable; }
};

// Edit distances between prefixes of a hypothesis and of the reference. Row i has i words of the hypothesis.
class EditDistances {
 public:
  EditDistances(std::span<const uint32_t> reference, size_t length)
      : reference_(reference),
        length_(static_cast<int64_t>(length)),
        ratio_(length == 0 ? 1 : static_cast<double>(reference.size()) / static_cast<double>(length)),
        width_(kBeamWidth < ratio_ / 2 ? static_cast<int64_t>(std::ceil(ratio_ / 2 + kBeamWidth)) : kBeamWidth),
        rows_(length + 1) {
    rows_[0].costs.resize(reference.size() + 1);
    rows_[0].edits.assign(reference.size() + 1, Edit::insert_word);
    for (size_t j = 0; j <= reference.size(); ++j) rows_[0].costs[j] = static_cast<int32_t>(j);
  }

  // Sets the hypothesis and returns its distance.
  int64_t set(const Words& hypothesis) {
    hypothesis_ = hypothesis;
    for (int64_t i = 1; i <= length_; ++i)
      fill(rows_[static_cast<size_t>(i - 1)], i, hypothesis_[static_cast<size_t>(i - 1)], rows_[static_cast<size_t>(i)]);
    return rows_.back().costs.back();
  }

  // Distance of another hypothesis of the same length. Rows of a common prefix are used again.
  int64_t of(const Words& other) {
    const auto differs = std::mismatch(other.begin(), other.end(), hypothesis_.begin()).first;
    const Row* previous = &rows_[static_cast<size_t>(differs - other.begin())];
    for (auto word = differs; word != other.end(); ++word) {
      Row& next = previous == &scratch_[0] ? scratch_[1] : scratch_[0];
      fill(*previous, word - other.begin() + 1, *word, next);
      previous = &next;
    }
    return previous->costs.back();
  }

  // Edits of the hypothesis that was set, first to last.
  std::vector<Edit> trace() const {
    std::vector<Edit> edits;
    for (int64_t i = length_, j = std::ssize(reference_); i > 0 || j > 0;) {
      const Row& row = rows_[static_cast<size_t>(i)];
      const Edit edit = row.edits[static_cast<size_t>(j - row.begin)];
      edits.push_back(edit);
      if (edit != Edit::insert_word) --i;
      if (edit != Edit::delete_word) --j;
    }
    std::reverse(edits.begin(), edits.end());
    return edits;
  }

 private:
  void fill(const Row& previous, int64_t i, uint32_t word, Row& row) const {
    const int64_t all = std::ssize(reference_) + 1;
    const auto diagonal = static_cast<int64_t>(std::floor(static_cast<double>(i) * ratio_));
    row.begin = std::max<int64_t>(0, diagonal - width_);
    const int64_t end = i == length_ ? all : std::min(all, diagonal + width_);
    row.costs.assign(static_cast<size_t>(end - row.begin), kUnreachable);
    row.edits.assign(row.costs.size(), Edit::none);
    for (int64_t j = row.begin; j < end; ++j) {
      int32_t& cost = row.costs[static_cast<size_t>(j - row.begin)];
      Edit& edit = row.edits[static_cast<size_t>(j - row.begin)];
      if (j == 0) {
        cost = previous.at(0) + 1;
        edit = Edit::delete_word;
        continue;
      }
      const bool equal = word == reference_[static_cast<size_t>(j - 1)];
      const auto offer = [&](int32_t offered, Edit by) {
        if (offered >= cost) return;
        cost = offered;
        edit = by;
      };
      offer(previous.at(j - 1) + (equal ? 0 : 1), equal ? Edit::match : Edit::substitute);
      offer(previous.at(j) + 1, Edit::delete_word);
      offer(row.at(j - 1) + 1, Edit::insert_word);
    }
  }

  std::span<const uint32_t> reference_;
  int64_t length_;
  double ratio_;
  int64_t width_;
  std::vector<Row> rows_;
  Row scratch_[2];
  Words hypothesis_;
};

// Where each word of the reference stands in the hypothesis, and how many errors stand before each position.
struct Alignment {
  std::vector<int64_t> positions;
  std::vector<int64_t> reference_errors{0}, hypothesis_errors{0};

  explicit Alignment(const std::vector<Edit>& trace) {
    int64_t position = -1;
    for (const Edit edit : trace) {
      const int64_t error = edit == Edit::match ? 0 : 1;
      if (edit != Edit::insert_word) {
        ++position;
        hypothesis_errors.push_back(hypothesis_errors.back() + error);
      }
      if (edit != Edit::delete_word) {
        positions.push_back(position);
        reference_errors.push_back(reference_errors.back() + error);
      }
    }
  }
};

// Moves `length` words from `start` to before `target`; a target inside the phrase moves it to the right by the words before that target.
void shift_words(const Words& words, int64_t start, int64_t length, int64_t target, Words& shifted) {
  shifted = words;
  const auto begin = shifted.begin();
  if (target < start) {
    std::rotate(begin + target, begin + start, begin + start + length);
  } else {
    const int64_t end = target > start + length ? target : std::min(length + target, std::ssize(words));
    std::rotate(begin + start, begin + start + length, begin + end);
  }
}

// Greedy search for shifts (Snover et al. 2006, algorithm 1), which are ranked as in tercom.
class ShiftSearch {
 public:
  ShiftSearch(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference)
      : words_(hypothesis.begin(), hypothesis.end()), reference_(reference), distances_(reference, hypothesis.size()) {}

  int64_t edits() {
    int64_t shifts = 0;
    int64_t distance = distances_.set(words_);
    while (find_best(distance) && candidates_ < kMostCandidates && best_gain_ > 0) {
      ++shifts;
      words_ = best_words_;
      distance = distances_.set(words_);
    }
    return shifts + distance;
  }

 private:
  // Looks for the shift after which the distance is smallest; of several the longest phrase, then the first one, then the first target.
  bool find_best(int64_t distance) {
    found_ = false;
    const Alignment alignment(distances_.trace());
    const int64_t hypothesis_size = std::ssize(words_), reference_size = std::ssize(reference_);
    for (int64_t h = 0; h < hypothesis_size; ++h) {
      const int64_t last = std::min(reference_size - 1, h + kFarthestShift);
      for (int64_t r = std::max<int64_t>(0, h - kFarthestShift); r <= last; ++r) {
        for (int64_t length = 1; length <= kMostShifted; ++length) {
          if (h + length > hypothesis_size || r + length > reference_size) break;
          if (words_[static_cast<size_t>(h + length - 1)] != reference_[static_cast<size_t>(r + length - 1)]) break;
          if (!try_phrase(alignment, h, r, length, distance)) continue;
          if (candidates_ >= kMostCandidates) return found_;
        }
      }
    }
    return found_;
  }

  // Tries the targets of a phrase; false where it is not to be shifted.
  bool try_phrase(const Alignment& alignment, int64_t h, int64_t r, int64_t length, int64_t distance) {
    const auto errors = [length](const std::vector<int64_t>& before, int64_t at) {
      return before[static_cast<size_t>(at + length)] - before[static_cast<size_t>(at)];
    };
    if (errors(alignment.hypothesis_errors, h) == 0 || errors(alignment.reference_errors, r) == 0) return false;
    const int64_t aligned = alignment.positions[static_cast<size_t>(r)];
    if (h <= aligned && aligned < h + length) return false;
    int64_t last_target = -1;
    for (int64_t offset = -1; offset < length; ++offset) {
      const int64_t target = r + offset == -1 ? 0 : alignment.positions[static_cast<size_t>(r + offset)] + 1;
      if (target == last_target) continue;
      last_target = target;
      shift_words(words_, h, length, target, shifted_);
      const int64_t gain = distance - distances_.of(shifted_);
      ++candidates_;
      const auto rank = std::tuple(gain, length, -h, -target);
      if (found_ && rank <= best_rank_) continue;
      found_ = true;
      best_rank_ = rank;
      best_gain_ = gain;
      best_words_ = shifted_;
    }
    return true;
  }

  Words words_, shifted_, best_words_;
  std::span<const uint32_t> reference_;
  EditDistances distances_;
  int64_t candidates_ = 0, best_gain_ = 0;
  std::tuple<int64_t, int64_t, int64_t, int64_t> best_rank_;
  bool found_ = false;
};

}  // namespace

int64_t translation_edits(std::span<const uint32_t> hypothesis, std::span<const uint32_t> reference) {
  if (reference.empty()) return std::ssize(hypothesis);
  return ShiftSearch(hypothesis, reference).edits();
}

TerCounts count_edits(std::string_view hypothesis, std::span<const std::string> references, const ScoringOptions& options) {
  std::vector<std::string> texts{tokenize_for_ter(hypothesis, options)};
  for (const std::string& reference : references) texts.push_back(tokenize_for_ter(reference, options));
  std::unordered_map<std::string_view, uint32_t> numbers;
  std::vector<Words> words(texts.size());
  for (size_t side = 0; side < texts.size(); ++side) {
    for (const std::string_view word : split_words(texts[side]))
      words[side].push_back(numbers.try_emplace(word, static_cast<uint32_t>(numbers.size())).first->second);
  }
  int64_t fewest = INT64_MAX;
  double length = 0;
  for (const Words& reference : std::span(words).subspan(1)) {
    fewest = std::min(fewest, translation_edits(words[0], reference));
    length += static_cast<double>(reference.size());
  }
  return {static_cast<double>(fewest), length / static_cast<double>(references.size())};
}

double ter(const TerCounts& corpus) {
  if (corpus.length > 0) return 100 * (corpus.edits / corpus.length);
  return corpus.edits > 0 ? 100 : 0;
}

}  // namespace qkv
