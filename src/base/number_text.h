// Numbers that people write as text: read whole, or refused with a word on what would be right.
#pragma once

#include <cstdint>
#include <string>

namespace qkv {

// What is wrong with a text: "0 is too small; it must be at least 1". Empty: it is a number of the range, which parse_whole and parse_real
// read.
std::string whole_number_fault(const std::string& text, int64_t low, uint64_t high);
// Numbers in [low, high], or with `below_high` in [low, high); a range without an upper end has the largest double or infinity as `high`.
std::string real_number_fault(const std::string& text, double low, double high, bool below_high = false);

uint64_t parse_whole(const std::string& text);  // of a negative number the bits of its int64_t
double parse_real(const std::string& text);

// 1234567 -> "1,234,567".
std::string with_commas(int64_t number);

}  // namespace qkv
