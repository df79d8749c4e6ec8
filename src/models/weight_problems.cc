#include "models/weight_problems.h"

#include <algorithm>
#include <charconv>

#include "base/error.h"

namespace qkv {
namespace {

constexpr size_t kMostLists = 5, kLongestName = 80;

// "0-3, 7" of 0, 1, 2, 3, 7.
std::string ranges(std::vector<int64_t> numbers) {
  std::sort(numbers.begin(), numbers.end());
  std::string text;
  for (size_t first = 0; first < numbers.size();) {
    size_t last = first;
    while (last + 1 < numbers.size() && numbers[last + 1] == numbers[last] + 1) ++last;
    text += (text.empty() ? "" : ", ") + std::to_string(numbers[first]);
    if (last > first) text += "-" + std::to_string(numbers[last]);
    first = last + 1;
  }
  return text;
}

}  // namespace

void WeightProblems::add(std::vector<Group>& groups, const std::string& name, std::string note) {
  // The first number that stands between dots is taken for a layer's.
  size_t begin = 0, end = 0;
  int64_t number = -1;
  for (size_t at = 0; at < name.size() && number < 0; at = end + 1) {
    begin = at;
    end = std::min(name.find('.', at), name.size());
    const auto [stop, error] = std::from_chars(name.data() + begin, name.data() + end, number);
    if (error != std::errc() || stop != name.data() + end || begin == 0) number = -1;
  }
  Group group{name, "", std::move(note), {}};
  if (number >= 0) {
    group.before = name.substr(0, begin);
    group.after = name.substr(end);
  }
  auto found = std::find_if(groups.begin(), groups.end(), [&](const Group& known) {
    return number >= 0 && !known.numbers.empty() && known.before == group.before && known.after == group.after && known.note == group.note;
  });
  if (found == groups.end()) found = groups.insert(groups.end(), std::move(group));
  if (number >= 0) found->numbers.push_back(number);
}

void WeightProblems::add_missing(const std::string& name) { add(missing_, name, ""); }
void WeightProblems::add_unknown(const std::string& name) { add(unknown_, name, ""); }
void WeightProblems::add_misshapen(const std::string& name, const Shape& stored, const Shape& wanted) {
  add(misshapen_, name, fmt::format(" is {}, not {}", shortened(to_string(stored), 60), to_string(wanted)));
}

std::string WeightProblems::list(const std::vector<Group>& groups) {
  std::string text;
  size_t shown = 0;
  for (const Group& group : groups) {
    if (++shown > kMostLists) break;
    std::string name = group.before;
    if (group.numbers.size() == 1) name += std::to_string(group.numbers[0]);
    if (group.numbers.size() > 1) name += "{" + ranges(group.numbers) + "}";
    text += (text.empty() ? "\"" : ", \"") + shortened(name + group.after, kLongestName) + "\"" + group.note;
  }
  if (groups.size() > kMostLists) text += fmt::format(", … ({} more)", groups.size() - kMostLists);
  return text;
}

std::string WeightProblems::text(std::string_view weights, std::string_view config, std::string_view class_name) const {
  const auto count = [](const std::vector<Group>& groups) {
    size_t sum = 0;
    for (const Group& group : groups) sum += std::max<size_t>(group.numbers.size(), 1);
    return sum;
  };
  std::string parts;
  const auto add_part = [&](const std::string& part) { parts += (parts.empty() ? " " : "; ") + part; };
  if (!missing_.empty()) add_part("it has no tensor " + list(missing_));
  if (!misshapen_.empty()) add_part("tensor " + list(misshapen_));
  if (!unknown_.empty()) {
    const size_t unknown = count(unknown_);
    add_part(fmt::format("it has {} tensor{} that a {} as described there does not have: {}", unknown, unknown == 1 ? "" : "s", class_name,
                         list(unknown_)));
  }
  return fmt::format("{} does not fit {}:{}", weights, config, parts);
}

}  // namespace qkv
