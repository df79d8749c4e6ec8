// SIGINT, SIGTERM, SIGHUP (a lost connection), SIGUSR1 and SIGUSR2 (warnings of SLURM and Grid Engine) and SIGXCPU (ulimit -t) as a flag
// that long work looks at.
#pragma once

namespace qkv {

// The first signal sets the flag; a second one ends the process, but for SIGXCPU. SIGHUP stays ignored where it is (nohup).
// `acknowledgement`, a line that lives as long as the process, is written to stderr as soon as the first signal comes, for work that looks
// at the flag late.
void catch_interrupts(const char* acknowledgement = nullptr);
bool interrupted();           // has a signal come?
void throw_if_interrupted();  // Error(interrupted); throw_if_shortened() (base/shortened_files.h) too

}  // namespace qkv
