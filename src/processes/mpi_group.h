// A process group over MPI (Open MPI).
#pragma once

#include <memory>

#include "processes/launch.h"
#include "processes/process_group.h"

namespace qkv {

std::unique_ptr<ProcessGroup> join_mpi(const Launch& launch);

}  // namespace qkv
