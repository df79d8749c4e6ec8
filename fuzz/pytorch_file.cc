// A pytorch_model.bin from a stranger: zip archive or row of pickles, and the values of all tensors.
#include "io/pytorch_file.h"
#include "fuzz/model_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const qkv::FuzzFile file(data, size);
  qkv::refuse_or_run([&] { qkv::read_all(qkv::open_pytorch(file.path()), static_cast<int64_t>(16 * size)); });
  return 0;
}
