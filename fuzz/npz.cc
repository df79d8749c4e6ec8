// An archive of NumPy arrays from a stranger, as Marian's weights are.
#include "fuzz/model_fuzz.h"
#include "io/npz_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const qkv::FuzzFile file(data, size);
  qkv::refuse_or_run([&] { qkv::read_all(qkv::open_npz(file.path()), static_cast<int64_t>(32 * size) + (1 << 20)); });
  return 0;
}
