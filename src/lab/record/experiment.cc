#include "lab/record/experiment.h"

#include <fmt/format.h>

#include "base/error.h"
#include "base/suggestion.h"

namespace qkv::lab {

const Experiment& find_experiment(const std::string& name) {
  std::vector<std::string> names;
  for (const Experiment& each : experiments()) {
    if (each.name == name) return each;
    names.push_back(each.name);
  }
  const std::string nearest = nearest_word(name, names);
  fail(ErrorCode::invalid_argument, "the lab has no experiment \"{}\"{}; there are: {}", name,
       nearest.empty() ? "" : fmt::format(" (did you mean {}?)", nearest), fmt::join(names, ", "));
}

}  // namespace qkv::lab
