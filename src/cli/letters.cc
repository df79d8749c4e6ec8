#include "cli/letters.h"

#include <string_view>
#include <utility>

namespace qkv {
namespace {

constexpr std::pair<char, std::string_view> kLetters[] = {
    {'m', "--model"},  {'o', "--output"}, {'q', "--quiet"},     {'v', "--verbose"},        {'t', "--threads"},
    {'c', "--config"}, {'p', "--prompt"}, {'b', "--beam-size"}, {'n', "--max-new-tokens"}, {'k', "--k"},
};

}  // namespace

std::string with_letter(const std::string& option) {
  for (const auto& [letter, name] : kLetters) {
    if (name == option) return std::string("-") + letter + "," + option;
  }
  return option;
}

}  // namespace qkv
