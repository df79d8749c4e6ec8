// The vocabulary of a .gguf from a stranger.
#include "text/files/gguf_vocabulary.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] { qkv::try_tokenizer(qkv::gguf_to_json(input, "a.gguf")); });
  return 0;
}
