// SIGINT, SIGTERM, SIGHUP (a lost connection), SIGUSR1 and SIGUSR2 (warnings of SLURM and Grid Engine) and SIGXCPU (ulimit -t) cancel what
// a program does.
#pragma once

#include "qkv/cancellation.h"

namespace qkv {

// From here on the first signal cancels `token`, which must live as long as the process; a second one ends the process, but for SIGXCPU.
// SIGHUP stays ignored where it is (nohup). `acknowledgement`, a line that lives as long as the process, is written to stderr as soon as
// the first signal comes, for work that looks at the token late.
void catch_interrupts(CancellationToken& token, const char* acknowledgement = nullptr);

}  // namespace qkv
