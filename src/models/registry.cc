#include "models/registry.h"

#include <algorithm>

#include "base/error.h"
#include "models/arch/arch.h"

namespace qkv {

std::span<const Architecture> architectures() {
  static const std::vector<Architecture> list = {marian(),         pegasus(),         gpt2(), llama(), mistral(),
                                                 bert_masked_lm(), bert_classifier(), own()};
  return list;
}

const Architecture& find_architecture(const ConfigReader& config) {
  const std::vector<std::string> classes = config.texts("architectures");
  const std::string name = classes.empty() ? config.text("model_type") : classes.front();
  std::string known;
  for (const Architecture& architecture : architectures()) {
    if (name == (classes.empty() ? architecture.model_type : architecture.class_name)) return architecture;
    known += (known.empty() ? "" : ", ") + std::string(architecture.class_name);
  }
  fail(ErrorCode::unsupported, "{}: the architecture \"{}\" is not supported; there are {}", config.file(), name.substr(0, 100), known);
}

const Architecture& architecture_for(const TransformerConfig& config) {
  return *std::find_if(architectures().begin(), architectures().end(), [&](const Architecture& a) { return a.holds(config); });
}

namespace {

// Does `name` begin with `pattern`, up to a dot or its end? `number` and `rest` then hold what stood for "{}" and what follows.
bool match(std::string_view pattern, std::string_view name, std::string_view& number, std::string_view& rest) {
  const size_t hole = pattern.find("{}");
  const std::string_view head = pattern.substr(0, hole);
  if (!name.starts_with(head)) return false;
  name.remove_prefix(head.size());
  number = {};
  if (hole != std::string_view::npos) {
    number = name.substr(0, std::min(name.find_first_not_of("0123456789"), name.size()));
    const std::string_view tail = pattern.substr(hole + 2);
    name.remove_prefix(number.size());
    if (number.empty() || !name.starts_with(tail)) return false;
    name.remove_prefix(tail.size());
  }
  rest = name;
  return rest.empty() || rest.front() == '.';
}

}  // namespace

TheirWeight their_weight(const Architecture& architecture, std::string_view ours) {
  if (architecture.weights.empty()) return {std::string(ours)};
  for (const WeightName& weight : architecture.weights) {
    std::string_view number, rest;
    if (!match(weight.ours, ours, number, rest)) continue;
    std::string name(weight.theirs);
    if (const size_t hole = name.find("{}"); hole != std::string::npos) name.replace(hole, 2, number);
    return {name.append(rest), weight.transposed, weight.part, weight.parts};
  }
  return {};
}

bool is_ignored(const Architecture& architecture, std::string_view name) {
  return std::any_of(architecture.ignored.begin(), architecture.ignored.end(), [&](std::string_view pattern) {
    std::string_view number, rest;
    return match(pattern, name, number, rest) && rest.empty();
  });
}

}  // namespace qkv
