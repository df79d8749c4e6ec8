// How options of each kind are read, checked and written; the table of options is made of these.
#pragma once

#include <algorithm>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <initializer_list>
#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "train/options/option_table.h"

namespace qkv::option_kinds {

constexpr int64_t kUnlimited = std::numeric_limits<int64_t>::max();

template <typename Number>
Number parse_number(const std::string& text, const std::string& label, const char* kind) {
  Number number{};
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, number);
  QKV_CHECK(stop == end && error != std::errc::invalid_argument, "{}: \"{}\" is not a {}", label, text, kind);
  QKV_CHECK(error == std::errc(), "{}: {} is out of the range of numbers", label, text);
  return number;
}

struct Entry {
  const char* name;
  const char* help;
  bool decides_weights;
};

inline TrainOption integer(Entry entry, int64_t TrainOptions::*field, int64_t low, int64_t high = kUnlimited) {
  return {entry.name,
          "",
          "N",
          entry.help,
          entry.decides_weights,
          [=](TrainOptions& options, const std::string& text, const std::string& label) {
            const auto number = parse_number<int64_t>(text, label, "whole number");
            QKV_CHECK(number >= low, "{}: {} is too small; it must be at least {}", label, text, low);
            QKV_CHECK(number <= high, "{}: {} is too large; it must be at most {}", label, text, high);
            options.*field = number;
          },
          [=](const TrainOptions& options) { return std::to_string(options.*field); }};
}

// Numbers in [low, high), or in [low, infinity).
inline TrainOption real(Entry entry, double TrainOptions::*field, double low, double high = std::numeric_limits<double>::infinity()) {
  return {entry.name,
          "",
          "X",
          entry.help,
          entry.decides_weights,
          [=](TrainOptions& options, const std::string& text, const std::string& label) {
            const auto number = parse_number<double>(text, label, "number");
            QKV_CHECK(!std::isnan(number), "{}: \"{}\" is not a number", label, text);
            QKV_CHECK(number >= low, "{}: {} is too small; it must be at least {}", label, text, low);
            QKV_CHECK(std::isfinite(number) || std::isfinite(high), "{}: {} is not a finite number", label, text);
            QKV_CHECK(number < high, "{}: {} is too large; it must be less than {}", label, text, high);
            options.*field = number;
          },
          [=](const TrainOptions& options) { return fmt::format("{}", options.*field); }};
}

inline TrainOption file(Entry entry, std::filesystem::path TrainOptions::*field, const char* value = "FILE") {
  return {entry.name,
          "",
          value,
          entry.help,
          entry.decides_weights,
          [=](TrainOptions& options, const std::string& text, const std::string& label) {
            QKV_CHECK(!text.empty(), "{}: the name is empty", label);
            options.*field = text;
          },
          [=](const TrainOptions& options) { return (options.*field).string(); }};
}

inline TrainOption flag(Entry entry, bool TrainOptions::*field) {
  return {entry.name,
          "",
          "",
          entry.help,
          entry.decides_weights,
          [=](TrainOptions& options, const std::string& text, const std::string& label) {
            QKV_CHECK(text == "true" || text == "false", "{}: \"{}\" is neither true nor false", label, text);
            options.*field = text == "true";
          },
          [=](const TrainOptions& options) { return options.*field ? "true" : "false"; }};
}

template <typename Enum>
TrainOption choice(Entry entry, Enum TrainOptions::*field, std::initializer_list<std::pair<const char*, Enum>> values) {
  std::vector<std::pair<std::string, Enum>> names(values.begin(), values.end());
  std::string list;
  for (const auto& [name, value] : names) {
    if (!list.empty()) list += '|';
    list += name;
  }
  return {entry.name,
          "",
          list,
          entry.help,
          entry.decides_weights,
          [=](TrainOptions& options, const std::string& text, const std::string& label) {
            const auto found = std::find_if(names.begin(), names.end(), [&](const auto& each) { return each.first == text; });
            QKV_CHECK(found != names.end(), "{}: \"{}\" is none of {}", label, text, list);
            options.*field = found->second;
          },
          [=](const TrainOptions& options) {
            for (const auto& [name, value] : names) {
              if (value == options.*field) return name;
            }
            return std::string();
          }};
}

}  // namespace qkv::option_kinds
