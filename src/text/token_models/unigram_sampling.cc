// The n best segmentations of UnigramModel, and random segmentations. Both process the text backwards first and then walk forward, so that
// no table of pieces is needed: the trie finds the pieces at a place again.
#include <algorithm>
#include <cmath>

#include "base/error.h"
#include "base/philox.h"
#include "text/token_models/unigram_model.h"
#include "text/token_models/unigram_output.h"

namespace qkv {
namespace {

struct Step {
  int32_t id;
  size_t length;  // in bytes
  double weight;  // includes everything that follows
};

// Calls see(place) for each character of `text`, the last first.
template <typename See>
void for_each_place_backward(std::string_view text, See&& see) {
  for (size_t place = text.size(); place-- > 0;) {
    if ((static_cast<unsigned char>(text[place]) & 0xC0) != 0x80) see(place);
  }
}

// Uniform in [0, 1), 53 bits.
double uniform(RandomStream& random) {
  const uint64_t high = random.next();
  return static_cast<double>(high << 21 | random.next() >> 11) * 0x1p-53;
}

// The first part of a segmentation, up to `place`.
struct Partial {
  double loss;      // difference to the best segmentation's score if continued in the best way
  double score;     // so far
  size_t place;     // bytes
  int32_t id;       // of the last piece
  uint32_t before;  // index of the partial segmentation without the last piece
};

}  // namespace

void UnigramModel::sample(std::string_view text, const SubwordSampling& how, RandomStream& random, std::vector<int32_t>& ids,
                          std::vector<Span>* spans) const {
  QKV_REQUIRE(how.alpha >= 0 && how.alpha <= 1e6, "alpha is {}; it must be between 0 and 1,000,000", how.alpha);
  // Logarithm of the sum of exp(alpha * score) over the segmentations of the text from a place on (forward filtering, backwards).
  std::vector<double> rest(text.size() + 1, -INFINITY);
  rest.back() = 0;
  std::vector<Step> steps;
  double highest = -INFINITY;
  const auto look = [&](size_t place) {
    steps.clear();
    highest = -INFINITY;
    for_each_piece(text, place, [&](int32_t id, size_t length, double score) {
      const double weight = how.alpha * score + rest[place + length];
      if (id == kMissing || weight == -INFINITY) return;
      steps.push_back({id, length, weight});
      highest = std::max(highest, weight);
    });
  };
  for_each_place_backward(text, [&](size_t place) {
    look(place);
    if (steps.empty()) return;
    double sum = 0;
    for (const Step& step : steps) sum += std::exp(step.weight - highest);
    rest[place] = highest + std::log(sum);
  });
  if (rest[0] == -INFINITY) fail_without_unk();

  Output output(*this, text, ids, spans);
  for (size_t place = 0; place < text.size();) {
    look(place);
    double left = uniform(random);
    size_t chosen = 0;
    while (chosen + 1 < steps.size() && (left -= std::exp(steps[chosen].weight - rest[place])) >= 0) ++chosen;
    output.push(steps[chosen].id, place, place + steps[chosen].length);
    place += steps[chosen].length;
  }
  output.finish();
}

// A* search: the best continuation from each place is known, so the queue yields segmentations in order, and only prefixes of the `count`
// best are expanded. The queue is ordered by losses, not by scores: a step on a best path loses exactly nothing, however sums are rounded,
// so that ties do not overtake each other repeatedly.
std::vector<UnigramModel::Segmentation> UnigramModel::best(std::string_view text, size_t count) const {
  std::vector<double> rest(text.size() + 1, -INFINITY);  // score of the best segmentation from a place on
  rest.back() = 0;
  for_each_place_backward(text, [&](size_t place) {
    for_each_piece(text, place, [&](int32_t id, size_t length, double score) {
      if (id != kMissing) rest[place] = std::max(rest[place], score + rest[place + length]);
    });
  });
  if (rest[0] == -INFINITY) fail_without_unk();

  std::vector<Partial> partials{{0, 0, 0, kMissing, 0}};
  std::vector<uint32_t> queue{0};
  // Among ties the one that is furthest comes first; otherwise all ties would be expanded in parallel.
  const auto comes_later = [&](uint32_t a, uint32_t b) {
    return partials[a].loss != partials[b].loss ? partials[a].loss > partials[b].loss : partials[a].place < partials[b].place;
  };
  std::vector<Segmentation> result;
  std::vector<uint32_t> way;
  while (!queue.empty() && result.size() < count) {
    std::pop_heap(queue.begin(), queue.end(), comes_later);
    const uint32_t top = queue.back();
    queue.pop_back();
    const Partial from = partials[top];
    if (from.place < text.size()) {
      for_each_piece(text, from.place, [&](int32_t id, size_t length, double score) {
        const double best_so = score + rest[from.place + length];
        if (id == kMissing || best_so == -INFINITY) return;
        if (partials.size() >= UINT32_MAX) fail(ErrorCode::unsupported, "the {} best of so long a text are too many to look at", count);
        partials.push_back({from.loss + (rest[from.place] - best_so), from.score + score, from.place + length, id, top});
        queue.push_back(static_cast<uint32_t>(partials.size() - 1));
        std::push_heap(queue.begin(), queue.end(), comes_later);
      });
      continue;
    }
    Segmentation& segmentation = result.emplace_back();
    segmentation.score = from.score;
    way.clear();
    for (uint32_t i = top; i != 0; i = partials[i].before) way.push_back(i);
    Output output(*this, text, segmentation.ids, &segmentation.spans);
    for (auto i = way.rbegin(); i != way.rend(); ++i) output.push(partials[*i].id, partials[partials[*i].before].place, partials[*i].place);
    output.finish();
  }
  return result;
}

}  // namespace qkv
