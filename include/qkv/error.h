// The only exception type that qkv throws. Thread safety: values, no shared state.
#pragma once

#include <stdexcept>
#include <string>

#include "qkv/export.h"

namespace qkv {

enum class ErrorCode {
  invalid_argument,  // an impossible option or argument; exit code 2 on the command line
  bad_input,         // a file or text with invalid content
  io,                // an error of the operating system: missing, unreadable, disk full
  unsupported,       // valid, but not supported by this build or device
  diverged,          // training reached NaN or infinity
  interrupted,       // SIGINT or SIGTERM; exit code 130 on the command line
  internal,          // a violated invariant of qkv itself
};

// what() is one line with the fault, its place, and a remedy.
class QKV_API Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message) : std::runtime_error(message), code_(code) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace qkv
