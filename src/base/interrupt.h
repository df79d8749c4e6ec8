// SIGINT, SIGTERM, SIGHUP (a lost connection), SIGUSR1 and SIGUSR2 (warnings of SLURM and Grid Engine) and SIGXCPU (ulimit -t) as a flag
// that long work checks.
#pragma once

namespace qkv {

// The first signal sets the flag; a second one ends the process, except SIGXCPU. SIGHUP stays ignored if it was (nohup).
// `acknowledgement`, a line that lives as long as the process, is written to stderr when the first signal arrives, for work that checks the
// flag late.
void catch_interrupts(const char* acknowledgement = nullptr);
bool interrupted();           // whether a signal has arrived
void throw_if_interrupted();  // Error(interrupted); also calls throw_if_shortened() (base/shortened_files.h)

}  // namespace qkv
