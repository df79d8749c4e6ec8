// Judges an experiment's claims by its numbers. The rule is written down with the experiment, before any number is seen.
#pragma once

#include <limits>
#include <string>
#include <vector>

#include "lab/record/record.h"

namespace qkv::lab {

enum class Verdict { supported, not_seen, undecided };
const char* name_of(Verdict verdict);  // "supported", "not seen at this size", "not decided at this size"

// Claims that a quantity's mean over all seeds is between `low` and `high`. The quantity of a seed is a value of `arm`, or its comparison
// with the same value of `baseline` for the same seed.
struct Claim {
  enum class Kind {
    value,       // arm's
    difference,  // arm's - baseline's
    ratio,       // arm's / baseline's, compared by logarithms
  };
  std::string text;  // the statement, to be read after "supported:": "averaging costs at least 0.1 bits per byte"
  std::string value;
  std::string arm, baseline;
  Kind kind = Kind::difference;
  double low = -std::numeric_limits<double>::infinity();
  double high = std::numeric_limits<double>::infinity();
};

// Claim::value of `arm` is at least `by` larger (smaller) than that of `baseline`.
Claim more_by(std::string text, std::string value, std::string arm, std::string baseline, double by);
Claim less_by(std::string text, std::string value, std::string arm, std::string baseline, double by);
// The two differ by less than `margin`.
Claim same_within(std::string text, std::string value, std::string arm, std::string baseline, double margin);
// arm's value is at least (at most) `factor` times baseline's.
Claim times_at_least(std::string text, std::string value, std::string arm, std::string baseline, double factor);
Claim times_at_most(std::string text, std::string value, std::string arm, std::string baseline, double factor);
// arm's own value.
Claim between(std::string text, std::string value, std::string arm, double low, double high);

struct Finding {
  Verdict verdict = Verdict::undecided;
  double mean = 0, low = 0, high = 0;  // of the quantities, and its 95 % interval; for ratios the geometric mean
  double p = 1;                        // that the mean is the nearest bound of the claim: (paired) t-test, Holm-corrected
};

// The quantities of a claim, in the order of seeds; ratios without logarithm.
std::vector<double> quantities(const Claim& claim, const Records& records);

// Judges each claim: supported if its mean is inside [low, high] and differs from the nearest bound with p < 0.05 after Holm's correction
// over the experiment's claims; not seen if it is outside and does; otherwise undecided. A quantity that is not finite leaves its claim
// undecided.
std::vector<Finding> judge(const std::vector<Claim>& claims, const std::vector<std::vector<double>>& quantities);

}  // namespace qkv::lab
