// Demo data: numbers spelled out in two languages, an unlimited supply of real translations that can be verified.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "qkv/cancellation.h"

namespace qkv {

// Numbers from 0 to 999,999. Valid and test take 250 each of every number of digits from 3 to 6, so that each length counts equally in a
// score. Training takes all numbers below 100 and equally many of 3 to 6 digits, as far as there are (900 have 3 digits, of which 400
// remain for training). The three sets are disjoint and determined by the seed; a larger count has the same valid and test numbers, and
// includes the training numbers of a smaller one.
struct NumberSets {
  std::vector<int32_t> train, valid, test;  // shuffled
};
NumberSets choose_numbers(int64_t count, uint64_t seed);  // count: of training numbers; throws if it is below 100 or above 998,000

// Spells numbers by ICU's rules, without the soft hyphens between the parts of a word.
class NumberSpeller {
 public:
  explicit NumberSpeller(const std::string& locale);  // throws if ICU has no number words for it
  ~NumberSpeller();
  NumberSpeller(NumberSpeller&&) noexcept;
  std::string spell(int32_t number) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

struct NumbersOptions {
  std::string from = "en", to = "de";  // ICU locales: en, de, fr, ja, zh, pt_PT, …
  int64_t count = 20000;               // numbers to train on
  uint64_t seed = 1;
  std::filesystem::path output;  // directory
  bool overwrite = false;        // replace these files in a directory that exists
  const CancellationToken* cancellation = nullptr;
};

// Writes output/{train,valid,test}.{from,to}, where line i of one side translates line i of the other: all six files or none.
void write_numbers(const NumbersOptions& options);

}  // namespace qkv
