// The settings of a .gguf from a stranger: the network that they describe, and whether its class can hold that.
#include "fuzz/model_fuzz.h"
#include "io/gguf_file.h"
#include "models/gguf/gguf_model.h"
#include "models/registry.h"
#include "nn/transformer_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    const qkv::GgufMetadata metadata(input, "a.gguf");
    qkv::GgufModel model = qkv::describe_gguf(metadata, qkv::gguf_entries(metadata));
    const qkv::Architecture& layout = model.architecture->layout;
    const qkv::TransformerConfig network = layout.read_config(qkv::ConfigReader("a.gguf", std::move(model.config)));
    qkv::validate(network);
    qkv::holds(layout, network);
  });
  return 0;
}
