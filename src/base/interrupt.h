// SIGINT and SIGTERM as a flag that long work looks at.
#pragma once

namespace qkv {

void catch_interrupts();      // first signal sets the flag; a second one ends the process
bool interrupted();           // has a signal come?
void throw_if_interrupted();  // Error(interrupted)

}  // namespace qkv
