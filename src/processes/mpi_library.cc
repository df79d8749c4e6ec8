#ifdef QKV_MPI
#include "processes/mpi_library.h"

#include <dlfcn.h>

#include <cstdlib>

#include "base/error.h"

namespace qkv {
namespace {

constexpr const char* kLibrary = "libmpi.so.40";  // Open MPI 4 and 5

template <typename T>
void find(void* library, const char* name, T& symbol) {
  void* found = ::dlsym(library, name);
  if (!found) fail(ErrorCode::unsupported, "{} has no {}; qkv needs Open MPI 4 or 5", kLibrary, name);
  symbol = reinterpret_cast<T>(found);
}

}  // namespace

MpiLibrary load_mpi() {
  // With its emulation of remote writes ("put"), Open MPI 4.1 moves 52 MB/s in each direction of a TCP link of 1 Gbit/s that both sides use
  // at once, without it 94 to 114. A value of the user's stays.
  ::setenv("OMPI_MCA_btl_tcp_flags", "send,inplace", 0);
  // Open MPI's own plug-ins look for its symbols among the global ones.
  void* library = ::dlopen(kLibrary, RTLD_NOW | RTLD_GLOBAL);
  if (!library) fail(ErrorCode::unsupported, "several processes need Open MPI: {}; install openmpi-bin on each host", ::dlerror());
  MpiLibrary mpi;
  find(library, "MPI_Init_thread", mpi.init_thread);
  find(library, "MPI_Initialized", mpi.initialized);
  find(library, "MPI_Finalize", mpi.finalize);
  find(library, "MPI_Comm_rank", mpi.comm_rank);
  find(library, "MPI_Comm_size", mpi.comm_size);
  find(library, "MPI_Comm_dup", mpi.comm_dup);
  find(library, "MPI_Comm_set_errhandler", mpi.comm_set_errhandler);
  find(library, "MPI_Isend", mpi.isend);
  find(library, "MPI_Irecv", mpi.irecv);
  find(library, "MPI_Iprobe", mpi.iprobe);
  find(library, "MPI_Recv", mpi.recv);
  find(library, "MPI_Test", mpi.test);
  find(library, "MPI_Testall", mpi.testall);
  find(library, "MPI_Cancel", mpi.cancel);
  find(library, "MPI_Error_string", mpi.error_string);
  // What MPI_COMM_WORLD, MPI_BYTE and MPI_ERRORS_RETURN expand to.
  find(library, "ompi_mpi_comm_world", mpi.world);
  find(library, "ompi_mpi_byte", mpi.byte);
  find(library, "ompi_mpi_errors_return", mpi.errors_return);
  return mpi;
}

}  // namespace qkv
#endif
