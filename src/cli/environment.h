// Environment variables that the program reads: one table, for checks and for help texts.
#pragma once

#include <span>

namespace qkv {

struct EnvironmentVariable {
  const char* name;
  const char* help;
  void (*check)();  // throws Error where the value is none; null: every value is one
};

std::span<const EnvironmentVariable> environment_variables();
void check_environment();

// True unless NO_COLOR has a value (no-color.org).
bool environment_wants_color();

}  // namespace qkv
