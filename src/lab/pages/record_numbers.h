// The numbers of a page's sentences: its placeholders {{KIND:…}}, filled from the record and from what is computed by hand.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "lab/pages/matrix.h"
#include "lab/record/claim.h"

namespace qkv::lab {

// The records of all experiments of a page.
using PageRecords = std::map<std::string, Records, std::less<>>;

// Returns the text that stands in a placeholder's place. Throws Error(internal) that names the placeholder if it is unknown or the record
// lacks its number.
//   hand:NAME:DIGITS                    a matrix or number that the page computes, in TeX
//   hand:NAME:ROW,COLUMN:DIGITS         one of its numbers
//   mean:EXPERIMENT:ARM:VALUE:DIGITS    over all seeds
//   percent:…                           the mean times 100
//   range:…                             the least and the largest of the seeds
//   above:EXPERIMENT:ARM:VALUE:BOUND    "2/5": the seeds with more, of all
//   seeds:EXPERIMENT                    their number
//   difference:EXPERIMENT:ARM:BASELINE:VALUE:DIGITS   mean of arm - baseline over the seeds that both have
//   ratio:…                             geometric mean of arm / baseline
//   interval:…, ratio_interval:…        their 95 % intervals
//   at:EXPERIMENT:ARM:SERIES:X:DIGITS   the mean of a series at x, or at its point nearest to x: records of less effort have fewer
std::string number_of(const std::string& placeholder, const PageRecords& records, const Numbers& numbers);

// Does it need a record?
bool is_of_record(std::string_view placeholder);

}  // namespace qkv::lab
