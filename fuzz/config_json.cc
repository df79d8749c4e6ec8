// A config.json from a stranger: the network that it describes, and whether its class can hold that.
#include "fuzz/model_fuzz.h"
#include "models/registry.h"
#include "nn/transformer_config.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const qkv::FuzzFile file(data, size);
  qkv::refuse_or_run([&] {
    const qkv::ConfigReader config(file.path());
    const qkv::Architecture& architecture = qkv::find_architecture(config);
    const qkv::TransformerConfig network = architecture.read_config(config);
    qkv::validate(network);
    qkv::holds(architecture, network);
  });
  return 0;
}
