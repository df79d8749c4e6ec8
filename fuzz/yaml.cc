// Marian's settings or vocabulary from a stranger.
#include "formats/yaml.h"

#include "formats/json.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  qkv::refuse_or_run([&] { qkv::parse_yaml(std::string_view(reinterpret_cast<const char*>(data), size), "decoder.yml"); });
  return 0;
}
