// How a launcher (mpirun, srun) tells a process through its environment that it is one of several.
#pragma once

#include <string>

namespace qkv {

struct Launch {
  bool several = false;  // started by mpirun, or by srun with PMIx; true for a single process under mpirun too
  int size = 1;          // number of processes that were started, as far as known
  bool first = true;     // this one is their first
  std::string launcher;  // "mpirun" or "srun"; empty: neither
  bool unwired = false;  // srun started several processes without the connection that MPI needs
};

Launch find_launch();

}  // namespace qkv
