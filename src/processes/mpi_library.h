// The functions of MPI that are used. The library is loaded only when a launcher started this process: a program with MPI starts as fast as
// one without and runs where no MPI is installed.
#pragma once

#define OMPI_SKIP_MPICXX 1
#include <mpi.h>

#ifndef OMPI_MAJOR_VERSION
#error "qkv works with Open MPI; configure with -D QKV_MPI=OFF or name its directories to CMake"
#endif

namespace qkv {

struct MpiLibrary {
  decltype(&MPI_Init_thread) init_thread;
  decltype(&MPI_Initialized) initialized;
  decltype(&MPI_Finalize) finalize;
  decltype(&MPI_Comm_rank) comm_rank;
  decltype(&MPI_Comm_size) comm_size;
  decltype(&MPI_Comm_dup) comm_dup;
  decltype(&MPI_Comm_set_errhandler) comm_set_errhandler;
  decltype(&MPI_Isend) isend;
  decltype(&MPI_Irecv) irecv;
  decltype(&MPI_Iprobe) iprobe;
  decltype(&MPI_Recv) recv;
  decltype(&MPI_Test) test;
  decltype(&MPI_Testall) testall;
  decltype(&MPI_Cancel) cancel;
  decltype(&MPI_Error_string) error_string;
  MPI_Comm world;
  MPI_Datatype byte;
  MPI_Errhandler errors_return;
};

// Throws Error(unsupported) if the library is missing.
MpiLibrary load_mpi();

}  // namespace qkv
