// The tensors of a .gguf from a stranger: what is accepted lies inside the file.
#include "formats/gguf_tensors.h"

#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    const qkv::GgufMetadata metadata(input, "a.gguf");
    for (const auto& [name, tensor] : qkv::read_gguf_tensors(metadata)) {
      if (tensor.begin > size || tensor.bytes > size - tensor.begin || tensor.bytes == 0) std::abort();
      int64_t values = 1;
      for (const int64_t dimension : tensor.shape) values *= dimension;
      if (values < 1 || static_cast<uint64_t>(values) > 2 * tensor.bytes) std::abort();
    }
  });
  return 0;
}
