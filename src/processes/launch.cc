#include "processes/launch.h"

#include <cstdlib>

namespace qkv {
namespace {

int number(const char* name) {
  const char* text = std::getenv(name);
  return text ? std::atoi(text) : 0;
}

}  // namespace

Launch find_launch() {
  // Open MPI's own launcher, any PMIx server (srun --mpi=pmix, prterun), MPICH's launcher, which speaks PMI.
  const int tasks = number("SLURM_STEP_NUM_TASKS");
  Launch launch{.launcher = tasks > 0 ? "srun" : "mpirun"};
  if (std::getenv("OMPI_COMM_WORLD_SIZE")) {
    launch = {.several = true, .size = number("OMPI_COMM_WORLD_SIZE"), .first = number("OMPI_COMM_WORLD_RANK") == 0, .launcher = "mpirun"};
  } else if (std::getenv("PMIX_RANK")) {
    launch.several = true;
    launch.size = tasks > 0 ? tasks : 1;
    launch.first = number("PMIX_RANK") == 0;
  } else if (number("PMI_SIZE") > 1) {
    launch.several = launch.unwired = true;
    launch.size = number("PMI_SIZE");
    launch.first = number("PMI_RANK") == 0;
  } else if (tasks > 1 && std::getenv("SLURM_PROCID")) {
    launch.several = launch.unwired = true;
    launch.size = tasks;
    launch.first = number("SLURM_PROCID") == 0;
  }
  return launch;
}

}  // namespace qkv
