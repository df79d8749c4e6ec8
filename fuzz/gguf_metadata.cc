// The metadata of a GGUF file from a stranger, read as every type.
#include "formats/gguf.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    const qkv::GgufMetadata metadata(input, "model.gguf");
    for (const char* name :
         {"general.architecture", "tokenizer.ggml.model", "tokenizer.ggml.tokens", "tokenizer.ggml.scores", "llama.block_count"}) {
      const std::string key = name;
      qkv::refuse_or_run([&] { metadata.string(key); });
      qkv::refuse_or_run([&] { metadata.boolean(key); });
      qkv::refuse_or_run([&] { metadata.integer(key); });
      qkv::refuse_or_run([&] { metadata.strings(key); });
      qkv::refuse_or_run([&] { metadata.floats(key); });
      qkv::refuse_or_run([&] { metadata.integers(key); });
      qkv::refuse_or_run([&] { metadata.raw_bytes(key); });
    }
  });
  return 0;
}
