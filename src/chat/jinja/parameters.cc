#include <algorithm>

#include "base/error.h"
#include "chat/jinja/builtins.h"
#include "chat/jinja/operators.h"

namespace qkv::jinja {

Parameters::Parameters(CallArguments& arguments, std::string_view function, std::initializer_list<std::string_view> names, size_t required)
    : function_(function), names_(names), values_(names.size()) {
  if (arguments.positional.size() > names_.size())
    fault("{} takes at most {} argument{} ({} given)", function_, names_.size(), names_.size() == 1 ? "" : "s",
          arguments.positional.size());
  for (size_t i = 0; i < arguments.positional.size(); ++i) values_[i] = arguments.positional[i];
  for (const auto& [name, value] : arguments.named) {
    const auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) fault("{} got an unexpected keyword argument '{}'", function_, shortened(name, 40));
    auto& place = values_[static_cast<size_t>(found - names_.begin())];
    if (place) fault("{} got multiple values for argument '{}'", function_, name);
    place = value;
  }
  for (size_t i = 0; i < required; ++i) {
    if (!values_[i]) fault("{} needs the argument '{}'", function_, names_[i]);
  }
}

int64_t Parameters::integer(size_t i) const {
  require_defined(*values_[i]);
  const auto whole = values_[i]->whole();
  if (!whole) fault("{}: '{}' must be a whole number, not {}", function_, names_[i], values_[i]->type_name());
  return *whole;
}

const std::string& Parameters::text(size_t i) const {
  require_defined(*values_[i]);
  const Text* text = values_[i]->text();
  if (!text) fault("{}: '{}' must be a str, not {}", function_, names_[i], values_[i]->type_name());
  return text->bytes;
}

void fault_unknown(std::string_view kind, std::string_view name) {
  constexpr std::string_view kJinjas[] = {"filesizeformat", "groupby",  "pprint",  "random", "striptags",
                                          "urlize",         "wordwrap", "xmlattr", "test"};
  const bool known = std::find(std::begin(kJinjas), std::end(kJinjas), name) != std::end(kJinjas);
  if (known) fault_unsupported("the {} '{}' is not supported", kind, name);
  fault("there is no {} named '{}'", kind, shortened(name, 40));
}

}  // namespace qkv::jinja
