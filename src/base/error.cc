#include "base/error.h"

#include <algorithm>

namespace qkv {

std::string one_line(std::string message) {
  std::replace_if(
      message.begin(), message.end(), [](char c) { return (c >= 0 && c < ' ') || c == 0x7F; }, ' ');
  return message;
}

}  // namespace qkv
