// A tokenizer.json from a stranger: it is refused with a qkv::Error, or it encodes and decodes without harm.
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  qkv::refuse_or_run([&] { qkv::try_tokenizer({reinterpret_cast<const char*>(data), size}); });
  return 0;
}
