#include "cli/program.h"

#include <algorithm>

#include "base/interrupt.h"
#include "qkv/options.h"

namespace qkv {
namespace {

CancellationToken cancellation;

}  // namespace

const CancellationToken* program_cancellation() { return &cancellation; }
void catch_interrupts(const char* acknowledgement) { catch_interrupts(cancellation, acknowledgement); }

std::string option_name(std::string_view field) {
  for (const auto table : {train_options(), translator_options(), generator_options(), scoring_options(), comparison_options()}) {
    for (const OptionInfo& option : table) {
      if (option.field == field) return "--" + option.name;
    }
  }
  std::string name(field);
  std::replace(name.begin(), name.end(), '_', '-');
  return "--" + name;
}

}  // namespace qkv
