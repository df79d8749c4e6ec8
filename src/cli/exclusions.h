// Options that are given together although one of them leaves nothing for the other to decide.
#pragma once

#include <CLI/CLI.hpp>

#include <initializer_list>
#include <string_view>

namespace qkv {

bool is_given(const CLI::App& command, std::string_view option);

// Throws Error(invalid_argument), with the reason, if one of `options` was given. `why`: "--greedy always takes the likeliest token".
void refuse_given(const CLI::App& command, std::initializer_list<const char*> options, std::string_view why);

}  // namespace qkv
