// A safetensors file from a stranger: its header, and the values of all tensors.
#include "io/safetensors.h"
#include "fuzz/model_fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const qkv::FuzzFile file(data, size);
  qkv::refuse_or_run([&] { qkv::read_all(qkv::open_safetensors(file.path()), static_cast<int64_t>(2 * size)); });
  return 0;
}
