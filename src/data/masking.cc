#include "data/masking.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/error.h"
#include "data/shuffle.h"

namespace qkv {
namespace {

constexpr std::string_view kContinues = "##", kSpaces[] = {"▁", "Ġ"};

struct Unit {  // range [begin, end): a word, or a token
  size_t begin, end;
};

std::vector<Unit> units_of(std::span<const int32_t> ids, const MaskingVocabulary& vocabulary, bool whole_words) {
  std::vector<Unit> units;
  for (size_t i = 0; i < ids.size(); ++i) {
    if (!vocabulary.is_ordinary(ids[i])) continue;
    const bool goes_on = whole_words && !vocabulary.begins_word(ids[i]) && !units.empty() && units.back().end == i;
    if (goes_on) {
      ++units.back().end;
    } else {
      units.push_back({i, i + 1});
    }
  }
  return units;
}

}  // namespace

int32_t find_token(const Tokenizer& tokenizer, std::initializer_list<const char*> names, std::string_view purpose) {
  for (const char* name : names) {
    if (const int32_t id = tokenizer.token_to_id(name); id >= 0) return id;
  }
  fail(ErrorCode::bad_input, "the tokenizer has no {} token; {} needs it", *names.begin(), purpose);
}

MaskingVocabulary::MaskingVocabulary(const Tokenizer& tokenizer)
    : cls_(find_token(tokenizer, {"[CLS]", "<s>"}, "a masked language model")),
      sep_(find_token(tokenizer, {"[SEP]", "</s>"}, "a masked language model")),
      mask_(find_token(tokenizer, {"[MASK]", "<mask>"}, "a masked language model")),
      kinds_(static_cast<size_t>(tokenizer.vocab_size()), Kind::special) {
  for (int32_t id = 0; id < tokenizer.vocab_size(); ++id) {
    if (!tokenizer.is_special(id) && id != tokenizer.unknown_id() && !tokenizer.id_to_token(id).empty()) ordinary_.push_back(id);
  }
  const auto starts = [&](int32_t id, std::string_view sign) {
    const std::string& token = tokenizer.id_to_token(id);
    return token.size() > sign.size() && token.starts_with(sign);
  };
  const auto any = [&](std::string_view sign) {
    return std::any_of(ordinary_.begin(), ordinary_.end(), [&](int32_t id) { return starts(id, sign); });
  };
  const bool pieces = any(kContinues);
  std::string_view space;
  for (const std::string_view sign : kSpaces) {
    if (!pieces && space.empty() && any(sign)) space = sign;
  }
  for (const int32_t id : ordinary_) {
    const bool begins = pieces ? !starts(id, kContinues) : tokenizer.id_to_token(id).starts_with(space);
    kinds_[static_cast<size_t>(id)] = begins ? Kind::begins_word : Kind::continues_word;
  }
}

MaskedSequence mask_tokens(std::span<const int32_t> ids, const MaskingVocabulary& vocabulary, const MaskingOptions& options,
                           RandomStream random) {
  MaskedSequence sequence{{ids.begin(), ids.end()}, {}, {}};
  std::vector<Unit> units = units_of(ids, vocabulary, options.whole_words);
  const auto ordinary = std::count_if(ids.begin(), ids.end(), [&](int32_t id) { return vocabulary.is_ordinary(id); });
  const auto wanted = std::max<size_t>(1, static_cast<size_t>(std::lround(options.probability * static_cast<double>(ordinary))));
  // Fisher-Yates shuffle, as far as needed.
  for (size_t i = 0; i < units.size() && sequence.places.size() < wanted; ++i) {
    std::swap(units[i], units[i + random.below(units.size() - i)]);
    const Unit unit = units[i];
    if (!sequence.places.empty() && sequence.places.size() + (unit.end - unit.begin) > wanted) continue;
    for (size_t at = unit.begin; at < unit.end; ++at) sequence.places.push_back(static_cast<int32_t>(at));
  }
  std::sort(sequence.places.begin(), sequence.places.end());
  for (const int32_t place : sequence.places) {
    int32_t& shown = sequence.ids[static_cast<size_t>(place)];
    sequence.targets.push_back(shown);
    const double chance = random.uniform();
    if (chance < options.masked) {
      shown = vocabulary.mask();
    } else if (chance < options.masked + options.random) {
      shown = vocabulary.ordinary()[random.below(vocabulary.ordinary().size())];
    }
  }
  return sequence;
}

RandomStream masking_stream(uint64_t seed, int64_t epoch, int64_t number) { return epoch_stream(seed, epoch, EpochDraw::mask, number); }

}  // namespace qkv
