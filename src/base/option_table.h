// Options of a struct as table entries: each is read from text, written and range-checked by its entry alone.
#pragma once

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <functional>
#include <initializer_list>
#include <limits>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "base/number_text.h"
#include "base/option_error.h"
#include "base/suggestion.h"
#include "qkv/option_info.h"

namespace qkv {

template <typename Options>
struct TableOption : OptionInfo {
  bool decides_weights = false;  // a resumed training must have the same value, or its weights would be others
  bool may_change = false;       // it may have another one nevertheless, which counts from then on
  // What is wrong with a text; empty: it is a value.
  std::function<std::string(const std::string& text)> fault;
  // Sets the member from a text without a fault. `label` names the option and where it was given, for what only the setting finds.
  std::function<void(Options&, const std::string& text, const std::string& label)> assign;
  std::function<std::string(const Options&)> get;

  bool is_flag() const { return type == OptionType::flag; }
  // Reads a value. `label` names the option and where it was given, for messages: "--lr", "recipe.toml:3: lr".
  void set(Options& options, const std::string& text, const std::string& label) const {
    const std::string wrong = fault ? fault(text) : "";
    if (!wrong.empty()) throw option_error(ErrorCode::invalid_argument, fmt::format("{}: {}", label, wrong));
    assign(options, text, label);
  }
};

// Throws OptionError where a member has a value that its entry would not read: set by a program, it is checked like text.
template <typename Options>
void check_ranges(std::span<const TableOption<Options>> table, const Options& options) {
  for (const TableOption<Options>& option : table) {
    if (option.type == OptionType::text || option.type == OptionType::path || option.type == OptionType::composite) continue;
    const std::string text = option.get(options);
    if (text.empty() && option.type != OptionType::choice) continue;  // not set
    const std::string wrong = option.fault ? option.fault(text) : "";
    if (!wrong.empty()) fail_option(ErrorCode::invalid_argument, "{}: {}", mark_fields("`" + option.field + "`"), wrong);
  }
}

// The entry of that name ('_' counts as '-') or member, or null.
template <typename Options>
const TableOption<Options>* find_option(std::span<const TableOption<Options>> table, std::string_view name) {
  std::string wanted(name);
  std::replace(wanted.begin(), wanted.end(), '_', '-');
  for (const TableOption<Options>& option : table) {
    if (option.name == wanted) return &option;
  }
  for (const TableOption<Options>& option : table) {
    if (option.field == name) return &option;
  }
  return nullptr;
}

namespace option_kinds {

struct Entry {
  const char* name;
  const char* help;
  bool decides_weights = false;
  const char* field = nullptr;  // null: the name with '_' for '-'
  const char* value = nullptr;  // null: that of the kind
};

template <typename Member>
struct Value {
  using Type = Member;
  static const Member* of(const Member& member) { return &member; }
};
template <typename Member>
struct Value<std::optional<Member>> {
  using Type = Member;
  static const Member* of(const std::optional<Member>& member) { return member ? &*member : nullptr; }
};

template <typename Options>
TableOption<Options> start(const Entry& entry, OptionType type, const char* value) {
  TableOption<Options> option;
  option.name = entry.name;
  option.field = entry.field ? entry.field : entry.name;
  if (!entry.field) std::replace(option.field.begin(), option.field.end(), '-', '_');
  option.type = type;
  option.value = entry.value ? entry.value : value;
  option.help = entry.help;
  option.decides_weights = entry.decides_weights;
  return option;
}

template <typename Options, typename Member>
TableOption<Options> finish(TableOption<Options> option, Member Options::*field) {
  option.get = [=](const Options& options) {
    const auto* value = Value<Member>::of(options.*field);
    return value ? fmt::format("{}", *value) : std::string();
  };
  option.default_value = option.get(Options{});
  return option;
}

// Whole numbers in [low, high], as far as the member can hold them.
template <typename Options, typename Member>
TableOption<Options> integer(const Entry& entry, Member Options::*field, int64_t low,
                             int64_t high = static_cast<int64_t>(std::numeric_limits<typename Value<Member>::Type>::max())) {
  using Number = typename Value<Member>::Type;
  static_assert(std::is_integral_v<Number> && std::is_signed_v<Number>);
  TableOption<Options> option = start<Options>(entry, OptionType::integer, "N");
  option.least = low;
  option.most = high;
  option.fault = [=](const std::string& text) { return whole_number_fault(text, low, static_cast<uint64_t>(high)); };
  option.assign = [=](Options& options, const std::string& text, const std::string&) {
    options.*field = static_cast<Number>(static_cast<int64_t>(parse_whole(text)));
  };
  return finish(std::move(option), field);
}

enum class UpperEnd { inside, outside };

// Numbers from `low` to `high`, which is in the range or not; without it finite ones.
template <typename Options, typename Member>
TableOption<Options> real(const Entry& entry, Member Options::*field, double low,
                          double high = std::numeric_limits<typename Value<Member>::Type>::max(), UpperEnd end = UpperEnd::outside) {
  using Number = typename Value<Member>::Type;
  static_assert(std::is_floating_point_v<Number>);
  TableOption<Options> option = start<Options>(entry, OptionType::number, "X");
  option.low = low;
  option.high = high;
  option.below_high = end == UpperEnd::outside && high < std::numeric_limits<float>::max();
  option.fault = [=, below = option.below_high](const std::string& text) { return real_number_fault(text, low, high, below); };
  option.assign = [=](Options& options, const std::string& text, const std::string&) {
    options.*field = static_cast<Number>(parse_real(text));
  };
  return finish(std::move(option), field);
}

template <typename Options>
TableOption<Options> file(const Entry& entry, std::filesystem::path Options::*field) {
  TableOption<Options> option = start<Options>(entry, OptionType::path, "FILE");
  option.fault = [](const std::string& text) { return text.empty() ? "the name is empty" : ""; };
  option.assign = [=](Options& options, const std::string& text, const std::string&) { options.*field = text; };
  option.get = [=](const Options& options) { return (options.*field).string(); };
  return option;
}

// Any text; empty: not set.
template <typename Options>
TableOption<Options> text(const Entry& entry, std::string Options::*field) {
  TableOption<Options> option = start<Options>(entry, OptionType::text, "TEXT");
  option.assign = [=](Options& options, const std::string& value, const std::string&) { options.*field = value; };
  return finish(std::move(option), field);
}

template <typename Options>
TableOption<Options> flag(const Entry& entry, bool Options::*field) {
  TableOption<Options> option = start<Options>(entry, OptionType::flag, "");
  option.fault = [](const std::string& text) {
    return text == "true" || text == "false" ? "" : fmt::format("\"{}\" is neither true nor false", text);
  };
  option.assign = [=](Options& options, const std::string& text, const std::string&) { options.*field = text == "true"; };
  return finish(std::move(option), field);
}

template <typename Options, typename Enum>
TableOption<Options> choice(const Entry& entry, Enum Options::*field, std::initializer_list<std::pair<const char*, Enum>> values) {
  const std::vector<std::pair<std::string, Enum>> names(values.begin(), values.end());
  TableOption<Options> option = start<Options>(entry, OptionType::choice, "");
  for (const auto& [name, value] : names) {
    option.choices.push_back(name);
    if (!entry.value) option.value += (option.value.empty() ? "" : "|") + name;
  }
  option.fault = [choices = option.choices](const std::string& text) {
    const bool known = std::find(choices.begin(), choices.end(), text) != choices.end();
    if (known) return std::string();
    const std::string nearest = nearest_word(text, choices);
    return fmt::format("\"{}\" is none of {}{}", text, fmt::join(choices, "|"),
                       nearest.empty() ? "" : fmt::format("; did you mean {}?", nearest));
  };
  option.assign = [=](Options& options, const std::string& text, const std::string&) {
    for (const auto& [name, value] : names) {
      if (name == text) options.*field = value;
    }
  };
  option.get = [=](const Options& options) {
    for (const auto& [name, value] : names) {
      if (value == options.*field) return name;
    }
    return std::to_string(static_cast<int>(options.*field));
  };
  option.default_value = option.get(Options{});
  return option;
}

}  // namespace option_kinds
}  // namespace qkv
