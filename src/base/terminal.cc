#include "base/terminal.h"

#include <sys/ioctl.h>
#include <unistd.h>

namespace qkv {

int terminal_width(int descriptor, int unknown) {
  winsize size{};
  return ioctl(descriptor, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : unknown;
}

}  // namespace qkv
