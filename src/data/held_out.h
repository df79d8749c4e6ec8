// Some texts of a training set held out to validate on: chosen by their content, so that neither their order nor chance decides.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

#include "base/text_source.h"
#include "data/labelled_texts.h"

namespace qkv {

// Chooses `count` of the texts that `visit` shows, each time in the same order, and returns their indices, sorted. A text that occurs
// several times is never chosen, nor a blank one: what is held out is not trained on. Equal texts and seeds give equal choices in any
// order. Memory is that of the choice. Throws Error(bad_input), naming `name`, if there are not enough different texts.
using VisitTexts = std::function<void(const std::function<void(std::string_view text)>& show)>;
std::vector<int64_t> choose_held_out(const VisitTexts& visit, int64_t count, uint64_t seed, const std::string& name);

struct PairSources {
  TextSource source, target;
};
struct HeldOutPairs {
  PairSources training, validation;
};
// Splits pairs by their sources. Checks UTF-8, as the lines' places are not those of the files any more.
HeldOutPairs hold_out_pairs(const PairSources& pairs, int64_t count, uint64_t seed, const TextSourceOptions& options);

struct HeldOutTexts {
  LabelledLines training, validation;
};
HeldOutTexts hold_out_texts(const LabelledLines& lines, int64_t count, uint64_t seed);

}  // namespace qkv
