// Validators for numbers on the command line, with messages that state the valid range.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdint>
#include <limits>
#include <optional>
#include <type_traits>

namespace qkv {

CLI::Validator whole_number(int64_t low, uint64_t high);
CLI::Validator real_number(double low, double high);

template <typename Field>
struct NumberOf {
  using Type = Field;
};
template <typename Number>
struct NumberOf<std::optional<Number>> {
  using Type = Number;
};

// Accepts numbers that the field can hold, from `low` on: at_least(options.max_length, 1). Every numeric option needs a validator of this
// file, since CLI11 itself reads "" as 0 and wraps -1 around.
template <typename Field>
CLI::Validator at_least(const Field& /*field*/, typename NumberOf<Field>::Type low) {
  using Number = typename NumberOf<Field>::Type;
  if constexpr (std::is_integral_v<Number>)
    return whole_number(static_cast<int64_t>(low), static_cast<uint64_t>(std::numeric_limits<Number>::max()));
  else
    return real_number(low, std::numeric_limits<double>::max());
}
// Accepts whole numbers if the bounds are whole, otherwise finite numbers: between(1, 1000), between(0.001, 100.0).
template <typename Number>
CLI::Validator between(Number low, Number high) {
  if constexpr (std::is_integral_v<Number>)
    return whole_number(low, static_cast<uint64_t>(high));
  else
    return real_number(low, high);
}

}  // namespace qkv
