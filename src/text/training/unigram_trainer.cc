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
#include "text/training/unigram_pieces.h"
#include "text/training/word_corpus.h"

namespace qkv {
namespace {

constexpr double kLeastExpected = 0.5;     // pieces with a lower expected count are dropped
constexpr double kUnexpectedPenalty = 10;  // nats below the least score
constexpr double kScoreStep = 1e-4;        // separates the scores of characters that were not expected

// The derivative of log(gamma(x)), 0 < x: by its recurrence up to 10, and beyond by its asymptotic series (Abramowitz and Stegun 6.3.18).
double digamma(double x) {
  double result = 0;
  for (; x < 10; ++x) result -= 1 / x;
  const double y = 1 / (x * x);
  return result + std::log(x) - 0.5 / x - y * (1.0 / 12 - y * (1.0 / 120 - y * (1.0 / 252 - y * (1.0 / 240 - y / 132))));
}

class UnigramLearner {
 public:
  UnigramLearner(std::span<const WordCount> words, const UnigramTrainerOptions& unigram, const LearnOptions& options)
      : unigram_(unigram),
        options_(options),
        alphabet_(choose_alphabet(words, options)),
        corpus_(words, alphabet_),
        set_(choose_seed(corpus_, alphabet_, unigram)) {
    for (const WordCorpus::Segment& segment : corpus_.segments) {
      words_ += segment.count;
      characters_ += segment.count * segment.length;
    }
    // Sums stay below 2^62: each character of the corpus adds at most 1 to all counts together, and a few dozen nats to the likelihood.
    unit_ = std::ldexp(1.0, std::min(40, 62 - static_cast<int>(std::bit_width(characters_))));
    if (options_.progress) options_.progress(fmt::format("{} pieces to begin with", set_.pieces.size()));
  }

  TrainedUnigram run() {
    const auto enough = static_cast<size_t>(static_cast<double>(options_.vocab_size) * unigram_.margin);
    while (true) {
      for (int i = 0; i < unigram_.sub_iterations; ++i) {
        expect();
        maximize();
      }
      if (set_.pieces.size() <= enough) break;
      if (options_.progress) options_.progress(fmt::format("{} pieces, on the way to {}", set_.pieces.size(), options_.vocab_size));
      const size_t before = set_.pieces.size();
      prune(std::max(enough, static_cast<size_t>(static_cast<double>(set_.pieces.size()) * unigram_.shrinking_factor)), false);
      if (set_.pieces.size() == before) break;  // only characters are left
    }
    if (set_.pieces.size() > options_.vocab_size) prune(options_.vocab_size, true);
    return finish();
  }

 private:
  // --- sums over the corpus

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
        set_.fill_lattice(lattice, corpus_.segments[i].begin, corpus_.segments[i].length);
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
    const std::vector<int64_t> sums = sum_over_segments(set_.pieces.size() + 1, [&](const WordCorpus::Segment& segment,
                                                                                    UnigramLattice& lattice, std::vector<int64_t>& mine) {
      const double count = static_cast<double>(segment.count) * unit_;
      const double log_sum =
          lattice.posteriors([&](uint32_t piece, double probability) { mine[piece] += static_cast<int64_t>(count * probability + 0.5); });
      mine.back() += std::llround(log_sum * count / kLikelihoodUnit);
    });
    expected_.resize(set_.pieces.size());
    for (size_t i = 0; i < expected_.size(); ++i) expected_[i] = static_cast<double>(sums[i]) / unit_;
    log_likelihood_ = static_cast<double>(sums.back()) / unit_ * kLikelihoodUnit;
  }

  // The M step.
  void maximize() {
    double total = 0;
    for (const double count : expected_) total += count < kLeastExpected ? 0 : count;
    const double log_total = digamma(total);
    least_score_ = 0;
    for (size_t i = 0; i < set_.pieces.size(); ++i) {
      if (expected_[i] < kLeastExpected) continue;
      set_.pieces[i].set_score(std::min(0.0, digamma(expected_[i]) - log_total));
      least_score_ = std::min(least_score_, set_.pieces[i].score);
    }
    std::vector<char> keep(set_.pieces.size());
    for (size_t i = 0; i < set_.pieces.size(); ++i) {
      keep[i] = expected_[i] >= kLeastExpected || set_.texts[i].character;
      if (expected_[i] < kLeastExpected) set_.pieces[i].set_score(least_score_ - kUnexpectedPenalty);
    }
    keep_only(keep);
  }

  // --- pruning

  // Keeps the characters, and as many other pieces as there is room for: those whose loss would cost the most. With `fill`, remaining room
  // goes to the likeliest pieces that no best path uses.
  void prune(size_t wanted, bool fill) {
    const std::vector<int64_t> counts =
        sum_over_segments(set_.pieces.size(), [](const WordCorpus::Segment& segment, UnigramLattice& lattice, std::vector<int64_t>& mine) {
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
    std::vector<char> keep(set_.pieces.size());
    size_t kept = 0;
    UnigramLattice lattice;
    for (uint32_t id = 0; id < set_.pieces.size(); ++id) {
      if (set_.texts[id].character) {
        keep[id] = true;
        ++kept;
        continue;
      }
      if (counts[id] > 0) {
        set_.fill_lattice(lattice, set_.texts[id].begin, set_.pieces[id].length, id);
        if (lattice.best_score() <= set_.pieces[id].score) {
          losses.push_back({loss_of(id, lattice, counts, total), id});
          continue;
        }
      }
      if (fill) unneeded.push_back({set_.pieces[id].score, id});
    }
    for (std::vector<Loss>* group : {&losses, &unneeded}) {
      std::sort(group->begin(), group->end());
      for (size_t i = 0; i < group->size() && kept < wanted; ++i, ++kept) keep[(*group)[i].piece] = true;
    }
    keep_only(keep);
  }

  void keep_only(const std::vector<char>& keep) {
    set_.keep_only(keep);
    size_t size = 0;
    for (size_t i = 0; i < std::min(keep.size(), expected_.size()); ++i) {
      if (keep[i]) expected_[size++] = expected_[i];
    }
  }

  // The decrease of the log-likelihood of the best paths if each occurrence of a piece is replaced by the best path through `lattice`.
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

  // --- the result

  TrainedUnigram finish() {
    TrainedUnigram trained;
    trained.alphabet = alphabet_.size();
    trained.log_likelihood = log_likelihood_;
    const std::unordered_set<std::string> special(options_.special_tokens.begin(), options_.special_tokens.end());
    std::vector<std::pair<std::string, double>> others;
    std::vector<std::string> unexpected;
    std::vector<bool> met(alphabet_.size());
    for (size_t i = 0; i < set_.pieces.size(); ++i) {
      const std::string text = utf8_of(set_.texts[i].begin, set_.pieces[i].length);
      if (set_.texts[i].character) met[corpus_.text[set_.texts[i].begin] - 1] = true;
      if (special.contains(text)) continue;
      if (!set_.texts[i].character) {
        others.emplace_back(text, set_.pieces[i].score);
        continue;
      }
      expected_[i] < kLeastExpected ? unexpected.push_back(text)
                                    : static_cast<void>(trained.pieces.emplace_back(text, set_.pieces[i].score));
    }
    for (size_t i = 0; i < met.size(); ++i) {
      if (!met[i]) append_utf8(unexpected.emplace_back(), alphabet_[i]);
    }
    std::erase_if(unexpected, [&](const std::string& text) { return special.contains(text); });
    std::sort(unexpected.begin(), unexpected.end());
    double penalty = 0;
    for (const std::string& text : unexpected)
      trained.pieces.emplace_back(text, least_score_ + std::exchange(penalty, penalty + kScoreStep));
    const auto likelier = [](const auto& a, const auto& b) { return a.second != b.second ? a.second > b.second : a.first < b.first; };
    std::sort(others.begin(), others.end(), likelier);
    const size_t room = options_.vocab_size - std::min(options_.vocab_size, trained.pieces.size());
    others.resize(std::min(others.size(), room));
    trained.pieces.insert(trained.pieces.end(), others.begin(), others.end());
    std::sort(trained.pieces.begin(), trained.pieces.end(), likelier);
    return trained;
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
  double unit_ = 1;                      // sums are counted in 1 / unit_
  UnigramPieces set_;
  std::vector<double> expected_;  // by the last E step
  double log_likelihood_ = 0, least_score_ = 0;
};

}  // namespace

TrainedUnigram learn_unigram(std::span<const WordCount> words, const UnigramTrainerOptions& unigram, const LearnOptions& options) {
  return UnigramLearner(words, unigram, options).run();
}

}  // namespace qkv
