#ifdef QKV_MPI
#include "processes/mpi_library.h"

#include <dlfcn.h>

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
