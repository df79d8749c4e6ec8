#include "cli/exclusions.h"

#include <string>

#include "base/error.h"

namespace qkv {

bool is_given(const CLI::App& command, std::string_view option) {
  const CLI::Option* found = command.get_option_no_throw(std::string(option));
  return found != nullptr && found->count() > 0;
}

void refuse_given(const CLI::App& command, std::initializer_list<const char*> options, std::string_view why) {
  for (const char* option : options) {
    if (is_given(command, option)) fail(ErrorCode::invalid_argument, "{} has no effect here: {}; leave one of them out", option, why);
  }
}

}  // namespace qkv
