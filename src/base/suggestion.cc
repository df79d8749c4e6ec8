#include "base/suggestion.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>
#include <vector>

namespace qkv {
namespace {

// Option names in transformers, fairseq, OpenNMT, Marian, nanoGPT and sacreBLEU, with their counterparts here; the first one that the
// command has counts.
constexpr std::array<std::pair<std::string_view, std::string_view>, 47> kOtherNames = {{
    {"learning-rate", "lr"},
    {"max-lr", "lr"},
    {"batch-size", "batch-tokens"},
    {"max-tokens", "batch-tokens"},
    {"max-tokens", "max-new-tokens"},
    {"per-device-train-batch-size", "batch-tokens"},
    {"src", "source"},
    {"input", "source"},
    {"tgt", "target"},
    {"trg", "target"},
    {"ref", "reference"},
    {"references", "reference"},
    {"hyp", "hypothesis"},
    {"heads", "num-attention-heads"},
    {"n-head", "num-attention-heads"},
    {"n-layer", "layers"},
    {"num-layers", "layers"},
    {"num-hidden-layers", "layers"},
    {"n-embd", "hidden-size"},
    {"d-model", "hidden-size"},
    {"embed-dim", "hidden-size"},
    {"dim-feedforward", "ffn-dim"},
    {"intermediate-size", "ffn-dim"},
    {"block-size", "context"},
    {"seq-len", "context"},
    {"eval-steps", "validate-every"},
    {"eval-interval", "validate-every"},
    {"valid-freq", "validate-every"},
    {"save-steps", "save-every"},
    {"save-freq", "save-every"},
    {"logging-steps", "log-every"},
    {"log-interval", "log-every"},
    {"gradient-accumulation-steps", "accumulate"},
    {"update-freq", "accumulate"},
    {"max-grad-norm", "clip-norm"},
    {"grad-clip", "clip-norm"},
    {"lr-scheduler-type", "schedule"},
    {"lr-scheduler", "schedule"},
    {"early-stopping", "patience"},
    {"num-train-epochs", "max-epochs"},
    {"iters", "max-steps"},
    {"out", "output"},
    {"output-dir", "output"},
    {"checkpoint", "model"},
    {"num-beams", "beam-size"},
    {"lenpen", "length-penalty"},
    {"precision", "dtype"},
}};

std::string_view without_dashes(std::string_view word) { return word.substr(std::min(word.find_first_not_of('-'), word.size())); }

std::vector<std::string_view> parts_of(std::string_view word) {
  std::vector<std::string_view> parts;
  while (!word.empty()) {
    const size_t dash = std::min(word.find_first_of("-_"), word.size());
    if (dash > 0) parts.push_back(word.substr(0, dash));
    word.remove_prefix(std::min(dash + 1, word.size()));
  }
  return parts;
}

// True if all parts of `word` are prefixes of parts of `candidate`, in order.
bool abbreviates(std::string_view word, std::string_view candidate) {
  const std::vector<std::string_view> parts = parts_of(word);
  size_t done = 0;
  for (const std::string_view part : parts_of(candidate)) {
    if (done < parts.size() && part.starts_with(parts[done])) ++done;
  }
  return !parts.empty() && done == parts.size() && parts.front().size() >= 3;
}

// Edit distance: insertions, deletions, substitutions, and swaps of neighbours. O(|a| * |b|) time.
size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<size_t> before_last, last(b.size() + 1), row(b.size() + 1);
  std::iota(last.begin(), last.end(), size_t{0});
  for (size_t i = 0; i < a.size(); ++i) {
    row[0] = i + 1;
    for (size_t j = 0; j < b.size(); ++j) {
      row[j + 1] = std::min({last[j] + (a[i] != b[j]), row[j] + 1, last[j + 1] + 1});
      if (i > 0 && j > 0 && a[i] == b[j - 1] && a[i - 1] == b[j]) row[j + 1] = std::min(row[j + 1], before_last[j - 1] + 1);
    }
    before_last = std::exchange(last, row);
  }
  return last.back();
}

}  // namespace

std::string nearest_word(std::string_view word, std::span<const std::string> candidates) {
  constexpr size_t kLongestWord = 64;  // longer words were not mistyped; bounds the time
  if (word.size() > kLongestWord) return "";
  std::string plain(without_dashes(word));
  std::replace(plain.begin(), plain.end(), '_', '-');
  for (const auto& [other, name] : kOtherNames) {
    if (other != plain) continue;
    const auto found = std::find_if(candidates.begin(), candidates.end(), [&](const auto& each) { return without_dashes(each) == name; });
    if (found != candidates.end()) return *found;
  }
  std::string nearest;
  size_t distance = std::max<size_t>(1, plain.size() / 3) + 1;
  for (const std::string& candidate : candidates) {
    if (abbreviates(plain, without_dashes(candidate)) && (nearest.empty() || candidate.size() < nearest.size())) nearest = candidate;
  }
  if (!nearest.empty()) return nearest;
  for (const std::string& candidate : candidates) {
    const size_t d = edit_distance(plain, without_dashes(candidate));
    if (d < distance) {
      distance = d;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace qkv
