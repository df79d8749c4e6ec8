// Tables of choices and their names in files and on the command line.
#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace qkv {

template <typename Choice>
using ChoiceName = std::pair<std::string_view, Choice>;

// The first choice of that name, or null.
template <typename Choice, size_t N>
const Choice* find_choice(const ChoiceName<Choice> (&table)[N], std::string_view name) {
  for (const auto& [known, choice] : table) {
    if (known == name) return &choice;
  }
  return nullptr;
}

// The first name of a choice; empty where it has none.
template <typename Choice, size_t N>
std::string_view name_of_choice(const ChoiceName<Choice> (&table)[N], Choice choice) {
  for (const auto& [name, known] : table) {
    if (known == choice) return name;
  }
  return {};
}

// "relu, gelu, silu", for messages.
template <typename Choice, size_t N>
std::string list_of_names(const ChoiceName<Choice> (&table)[N]) {
  std::string list;
  for (const auto& [name, choice] : table) list += (list.empty() ? "" : ", ") + std::string(name);
  return list;
}

}  // namespace qkv
