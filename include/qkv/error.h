// The one exception type that qkv throws. Thread safety: values, no shared state.
#pragma once

#include <stdexcept>
#include <string>

namespace qkv {

enum class ErrorCode {
  invalid_argument,  // an option or argument that cannot be right; exit code 2 on the command line
  bad_input,         // a file or text whose content is wrong
  io,                // the operating system refused: missing, unreadable, disk full
  unsupported,       // right, but not something this build or device can do
  diverged,          // training reached NaN or infinity
  interrupted,       // SIGINT or SIGTERM; exit code 130 on the command line
  internal,          // a broken invariant of qkv itself
};

// what() is one line: what is wrong, where, and what to do.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace qkv
