#include "cli/numbers.h"

#include "base/number_text.h"

namespace qkv {

CLI::Validator whole_number(int64_t low, uint64_t high) {
  return CLI::Validator([=](std::string& text) { return whole_number_fault(text, low, high); }, "");
}

CLI::Validator real_number(double low, double high) {
  return CLI::Validator([=](std::string& text) { return real_number_fault(text, low, high); }, "");
}

}  // namespace qkv
