#include "text/training/unigram_trainer.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include "base/cancellation.h"
#include "base/error.h"
#include "base/parallel.h"
#include "base/utf8.h"
#include "text/token_models/unigram_lattice.h"
#include "text/training/suffix_array.h"
#include "text/training/word_corpus.h"

namespace qkv {
namespace {

constexpr uint32_t kNone = UINT32_MAX;
constexpr double kLeastExpected = 0.5;     // pieces that are expected less often go
constexpr double kUnexpectedPenalty = 10;  // nats below the least score
constexpr double kScoreStep = 1e-4;        // keeps the scores of characters that were not expected apart

// The derivative of log(gamma(x)), 0 < x: by its recurrence up to 10, and from there by its asymptotic series (Abramowitz and
// Stegun 6.3.18).
double digamma(double x) {
  double result = 0;
  for (; x < 10; ++x) result -= 1 / x;
  const double y = 1 / (x * x);
  return result + std::log(x) - 0.5 / x - y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y / 132))));
}

struct Piece {
  uint32_t parent;  // the longest piece that this one begins with; kNone: none
  uint32_t length;
  double score, probability;
};

// What the pieces are besides.
struct PieceText {
  uint32_t begin;  // an occurrence in the text
  bool character;
};

class UnigramLearner {
 public:
  UnigramLearner(std::span<const WordCount> words, const UnigramTrainerOptions& unigram, const LearnOptions& options)
      : unigram_(unigram), options_(options), alphabet_(choose_alphabet(words, options)), corpus_(words, alphabet_) {
    for (const WordCorpus::Segment& segment : corpus_.segments) {
      words_ += segment.count;
      characters_ += segment.count * segment.length;
    }
    // Sums stay below 2^62: each character of the corpus adds at most 1 to all counts together, and a few dozen nats to the likelihood.
    unit_ = std::ldexp(1.0, std::min(40, 62 - static_cast<int>(std::bit_width(characters_))));
    choose_seed();
  }

  LearntUnigram run() {
    const auto enough = static_cast<size_t>(static_cast<double>(options_.vocab_size) * unigram_.margin);
    while (true) {
      for (int i = 0; i < unigram_.sub_iterations; ++i) {
        expect();
        maximize();
      }
      if (pieces_.size() <= enough) break;
      if (options_.progress) options_.progress(fmt::format("{} pieces, on the way to {}", pieces_.size(), options_.vocab_size));
      const size_t before = pieces_.size();
      prune(std::max(enough, static_cast<size_t>(static_cast<double>(pieces_.size()) * unigram_.shrinking_factor)), false);
      if (pieces_.size() == before) break;  // characters alone are left
    }
    if (pieces_.size() > options_.vocab_size) prune(options_.vocab_size, true);
    return finish();
  }

 private:
  // --- the pieces to begin with

  void choose_seed() {
    const uint32_t longest = std::max(1u, unigram_.max_piece_length);
    std::vector<uint32_t> suffixes = sorted_suffixes(corpus_.text, longest + 1);
    std::vector<uint64_t> before = counts_before(suffixes);
    const PieceRules rules(alphabet_, unigram_);
    struct Candidate {
      RepeatedSubstring substring;
      uint64_t count;
      uint64_t worth() const { return count * substring.length; }
    };
    std::vector<Candidate> characters, others;
    for (const RepeatedSubstring& substring : repeated_substrings(corpus_.text, suffixes, longest)) {
      const uint64_t count = before[substring.last] - before[substring.first];
      if (substring.length == 1 || count < 2) continue;
      if (rules.allows(std::span(corpus_.text).subspan(suffixes[substring.first], substring.length))) others.push_back({substring, count});
    }
    for (uint32_t first = 0, last = 0; first < suffixes.size(); first = last) {
      const uint32_t character = corpus_.text[suffixes[first]];
      while (last < suffixes.size() && corpus_.text[suffixes[last]] == character) ++last;
      if (character != 0) characters.push_back({{first, last, 1}, before[last] - before[first]});
    }
    if (others.size() > unigram_.seed_size) {
      std::stable_sort(others.begin(), others.end(), [](const Candidate& a, const Candidate& b) { return a.worth() > b.worth(); });
      others.resize(unigram_.seed_size);
    }
    others.insert(others.end(), characters.begin(), characters.end());
    std::sort(others.begin(), others.end(), [](const Candidate& a, const Candidate& b) {
      const RepeatedSubstring &x = a.substring, &y = b.substring;
      if (x.first != y.first) return x.first < y.first;
      return x.last != y.last ? x.last > y.last : x.length < y.length;
    });
    // Now those that others begin with come before them: the ones that are open at a suffix are its pieces.
    double total = 0;
    for (const Candidate& each : others) total += static_cast<double>(each.worth());
    deepest_.assign(corpus_.text.size(), kNone);
    std::vector<uint32_t> open;
    size_t next = 0;
    for (uint32_t i = 0; i < suffixes.size(); ++i) {
      while (!open.empty() && others[open.back()].substring.last <= i) open.pop_back();
      for (; next < others.size() && others[next].substring.first == i; ++next) {
        const RepeatedSubstring& substring = others[next].substring;
        pieces_.push_back({open.empty() ? kNone : open.back(), substring.length, 0, 0});
        set_score(pieces_.back(), std::log(static_cast<double>(others[next].worth()) / total));
        texts_.push_back({suffixes[i], substring.length == 1});
        open.push_back(static_cast<uint32_t>(next));
      }
      if (!open.empty()) deepest_[suffixes[i]] = open.back();
    }
    if (options_.progress) options_.progress(fmt::format("{} pieces to begin with", pieces_.size()));
  }

  // How often the corpus has the suffixes before each one.
  std::vector<uint64_t> counts_before(std::span<const uint32_t> suffixes) const {
    std::vector<uint32_t> segment_of(corpus_.text.size(), kNone);
    for (uint32_t i = 0; i < corpus_.segments.size(); ++i) {
      const auto& [begin, length, count] = corpus_.segments[i];
      std::fill_n(segment_of.begin() + begin, length, i);
    }
    std::vector<uint64_t> before{0};
    before.reserve(suffixes.size() + 1);
    for (const uint32_t suffix : suffixes) {
      before.push_back(before.back() + (segment_of[suffix] == kNone ? 0 : corpus_.segments[segment_of[suffix]].count));
    }
    return before;
  }

  // --- the lattice of a stretch of text

  static void set_score(Piece& piece, double score) {
    piece.score = score;
    piece.probability = std::exp(score);
  }

  // `except`: a piece to leave out.
  void fill_lattice(UnigramLattice& lattice, uint32_t begin, uint32_t length, uint32_t except = kNone) const {
    lattice.reset(length);
    for (uint32_t i = 0; i < length; ++i) {
      for (uint32_t id = deepest_[begin + i]; id != kNone; id = pieces_[id].parent) {
        const Piece& piece = pieces_[id];
        if (i + piece.length <= length && id != except) lattice.add(i, i + piece.length, id, piece.score, piece.probability);
      }
    }
  }

  // Calls work(segment, lattice, sums) for every segment on all threads; returns the sums over all, `width` integers.
  template <typename Work>
  std::vector<int64_t> sum_over_segments(size_t width, Work&& work) const {
    throw_if_cancelled(options_.cancellation);
    const size_t parts = static_cast<size_t>(num_threads());
    std::vector<std::vector<int64_t>> sums(parts);
    parallel_for(static_cast<int64_t>(parts), [&](int64_t part) {
      std::vector<int64_t>& mine = sums[static_cast<size_t>(part)];
      mine.assign(width, 0);
      UnigramLattice lattice;
      for (size_t i = static_cast<size_t>(part); i < corpus_.segments.size(); i += parts) {
        fill_lattice(lattice, corpus_.segments[i].begin, corpus_.segments[i].length);
        work(corpus_.segments[i], lattice, mine);
      }
    });
    for (size_t part = 1; part < parts; ++part) {
      for (size_t i = 0; i < width; ++i) sums[0][i] += sums[part][i];
    }
    return std::move(sums[0]);
  }

  // --- EM

  // The E step.
  void expect() {
    const std::vector<int64_t> sums =
        sum_over_segments(pieces_.size() + 1, [&](const WordCorpus::Segment& segment, UnigramLattice& lattice, std::vector<int64_t>& mine) {
          const double count = static_cast<double>(segment.count) * unit_;
          const double log_sum = lattice.posteriors(
              [&](uint32_t piece, double probability) { mine[piece] += static_cast<int64_t>(count * probability + 0.5); });
          mine.back() += std::llround(log_sum * count / kLikelihoodUnit);
        });
    expected_.resize(pieces_.size());
    for (size_t i = 0; i < expected_.size(); ++i) expected_[i] = static_cast<double>(sums[i]) / unit_;
    log_likelihood_ = static_cast<double>(sums.back()) / unit_ * kLikelihoodUnit;
  }

  // The M step.
  void maximize() {
    double total = 0;
    for (const double count : expected_) total += count < kLeastExpected ? 0 : count;
    const double log_total = digamma(total);
    least_score_ = 0;
    for (size_t i = 0; i < pieces_.size(); ++i) {
      if (expected_[i] < kLeastExpected) continue;
      set_score(pieces_[i], std::min(0.0, digamma(expected_[i]) - log_total));
      least_score_ = std::min(least_score_, pieces_[i].score);
    }
    std::vector<char> keep(pieces_.size());
    for (size_t i = 0; i < pieces_.size(); ++i) {
      keep[i] = expected_[i] >= kLeastExpected || texts_[i].character;
      if (expected_[i] < kLeastExpected) set_score(pieces_[i], least_score_ - kUnexpectedPenalty);
    }
    keep_only(keep);
  }

  // --- pruning

  // Keeps the characters, and as many other pieces as there is room for: those whose loss would cost the most. With `fill` pieces that no
  // best way needs are kept, too, where room is left, the likeliest first.
  void prune(size_t wanted, bool fill) {
    const std::vector<int64_t> counts =
        sum_over_segments(pieces_.size(), [](const WordCorpus::Segment& segment, UnigramLattice& lattice, std::vector<int64_t>& mine) {
          lattice.best_way([&](uint32_t piece) { mine[piece] += static_cast<int64_t>(segment.count); });
        });
    double total = 0;
    for (const int64_t count : counts) total += static_cast<double>(count);
    struct Loss {
      double loss;
      uint32_t piece;
      bool operator<(const Loss& other) const { return loss != other.loss ? loss > other.loss : piece < other.piece; }
    };
    std::vector<Loss> losses, unneeded;
    std::vector<char> keep(pieces_.size());
    size_t kept = 0;
    UnigramLattice lattice;
    for (uint32_t id = 0; id < pieces_.size(); ++id) {
      if (texts_[id].character) {
        keep[id] = true;
        ++kept;
        continue;
      }
      if (counts[id] > 0) {
        fill_lattice(lattice, texts_[id].begin, pieces_[id].length, id);
        if (lattice.best_score() <= pieces_[id].score) {
          losses.push_back({loss_of(id, lattice, counts, total), id});
          continue;
        }
      }
      if (fill) unneeded.push_back({pieces_[id].score, id});
    }
    for (std::vector<Loss>* group : {&losses, &unneeded}) {
      std::sort(group->begin(), group->end());
      for (size_t i = 0; i < group->size() && kept < wanted; ++i, ++kept) keep[(*group)[i].piece] = true;
    }
    keep_only(keep);
  }

  // How much the log-likelihood of the best ways falls where each place of a piece becomes the pieces of the best way through `lattice`.
  static double loss_of(uint32_t id, const UnigramLattice& lattice, const std::vector<int64_t>& counts, double total) {
    const auto count = static_cast<double>(counts[id]);
    double pieces = 0, others = 0;
    lattice.best_way([&](uint32_t other) {
      ++pieces;
      others += std::log(static_cast<double>(counts[other]) + count);
    });
    const double with = std::log(count / total), without = others - pieces * std::log(total + count * (pieces - 1));
    return count * (with - without);
  }

  void keep_only(const std::vector<char>& keep) {
    // The piece that each one leaves its places to: itself, or the longest of those it begins with that is kept.
    std::vector<uint32_t> heir(pieces_.size());
    uint32_t size = 0;
    for (uint32_t i = 0; i < pieces_.size(); ++i) {
      const uint32_t parent = pieces_[i].parent == kNone ? kNone : heir[pieces_[i].parent];
      heir[i] = keep[i] ? size : parent;
      if (!keep[i]) continue;
      pieces_[size] = pieces_[i];
      pieces_[size].parent = parent;
      texts_[size] = texts_[i];
      if (i < expected_.size()) expected_[size] = expected_[i];
      ++size;
    }
    pieces_.resize(size);
    texts_.resize(size);
    for (uint32_t& id : deepest_) {
      if (id != kNone) id = heir[id];
    }
  }

  // --- the end

  LearntUnigram finish() {
    LearntUnigram learnt;
    learnt.alphabet = alphabet_.size();
    learnt.log_likelihood = log_likelihood_;
    const std::unordered_set<std::string> special(options_.special_tokens.begin(), options_.special_tokens.end());
    std::vector<std::pair<std::string, double>> others;
    std::vector<std::string> unexpected;
    std::vector<bool> met(alphabet_.size());
    for (size_t i = 0; i < pieces_.size(); ++i) {
      const std::string text = utf8_of(texts_[i].begin, pieces_[i].length);
      if (texts_[i].character) met[corpus_.text[texts_[i].begin] - 1] = true;
      if (special.contains(text)) continue;
      if (!texts_[i].character) {
        others.emplace_back(text, pieces_[i].score);
        continue;
      }
      expected_[i] < kLeastExpected ? unexpected.push_back(text) : static_cast<void>(learnt.pieces.emplace_back(text, pieces_[i].score));
    }
    for (size_t i = 0; i < met.size(); ++i) {
      if (!met[i]) append_utf8(unexpected.emplace_back(), alphabet_[i]);
    }
    std::erase_if(unexpected, [&](const std::string& text) { return special.contains(text); });
    std::sort(unexpected.begin(), unexpected.end());
    double penalty = 0;
    for (const std::string& text : unexpected)
      learnt.pieces.emplace_back(text, least_score_ + std::exchange(penalty, penalty + kScoreStep));
    const auto likelier = [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; };
    std::sort(others.begin(), others.end(), likelier);
    const size_t room = options_.vocab_size - std::min(options_.vocab_size, learnt.pieces.size());
    others.resize(std::min(others.size(), room));
    learnt.pieces.insert(learnt.pieces.end(), others.begin(), others.end());
    std::sort(learnt.pieces.begin(), learnt.pieces.end(), likelier);
    return learnt;
  }

  std::string utf8_of(uint32_t begin, uint32_t length) const {
    std::string text;
    for (uint32_t i = 0; i < length; ++i) append_utf8(text, alphabet_[corpus_.text[begin + i] - 1]);
    return text;
  }

  static constexpr double kLikelihoodUnit = 1024;  // of `unit_`: the log-likelihood of a character may be far below -1

  const UnigramTrainerOptions& unigram_;
  const LearnOptions& options_;
  std::u32string alphabet_;
  WordCorpus corpus_;
  uint64_t words_ = 0, characters_ = 0;  // of the corpus
  double unit_ = 1;                      // sums count in 1 / unit_
  std::vector<Piece> pieces_;            // those that others begin with before them
  std::vector<PieceText> texts_;         // of the pieces
  std::vector<uint32_t> deepest_;        // for each place of the text the longest piece that is there, or kNone
  std::vector<double> expected_;         // of the pieces, by the last E step
  double log_likelihood_ = 0, least_score_ = 0;
};

}  // namespace

LearntUnigram learn_unigram(std::span<const WordCount> words, const UnigramTrainerOptions& unigram, const LearnOptions& options) {
  return UnigramLearner(words, unigram, options).run();
}

}  // namespace qkv
