// Checks of numbers on the command line, whose messages say what would be right.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>
#include <type_traits>

namespace qkv {

CLI::Validator whole_number(int64_t low, uint64_t high);
CLI::Validator real_number(double low, double high);

// Whole numbers where the bounds are, else finite numbers: at_least(1), between(0.001, 100.0).
template <typename Number>
CLI::Validator at_least(Number low) {
  if constexpr (std::is_integral_v<Number>)
    return whole_number(low, std::numeric_limits<uint64_t>::max());
  else
    return real_number(low, std::numeric_limits<double>::max());
}
template <typename Number>
CLI::Validator between(Number low, Number high) {
  if constexpr (std::is_integral_v<Number>)
    return whole_number(low, static_cast<uint64_t>(high));
  else
    return real_number(low, high);
}

}  // namespace qkv
