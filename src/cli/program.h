// Shared by all commands: signals that cancel their work, exit codes, and the names of options in messages.
#pragma once

#include <string>
#include <string_view>

#include "base/cancellation.h"

namespace qkv {

struct ExitCode {
  int code;
  const char* meaning;
};
constexpr ExitCode kDone{0, "done"}, kFailed{1, "failed; one line on stderr says why"}, kWrongUsage{2, "wrong usage"},
    kInterrupted{130, "interrupted"};
constexpr ExitCode kExitCodes[] = {kDone, kFailed, kWrongUsage, kInterrupted};

// The token that signals cancel after a command has called catch_interrupts(). Commands pass it to the library.
const CancellationToken* program_cancellation();
void catch_interrupts(const char* acknowledgement = nullptr);  // see base/interrupt.h
inline void throw_if_interrupted() { throw_if_cancelled(program_cancellation()); }

// The command-line name of a member of an options struct: "--beam-size" for num_beams.
std::string option_name(std::string_view field);

}  // namespace qkv
