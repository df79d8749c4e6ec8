// A pickle from a stranger.
#include "formats/pickle.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  constexpr std::string_view kGlobals[] = {"torch._utils._rebuild_tensor_v2", "torch.FloatStorage"};
  qkv::refuse_or_run([&] {
    qkv::PickleReader reader(std::string_view(reinterpret_cast<const char*>(data), size), "data.pkl", kGlobals);
    while (reader.position() < size) reader.read();
  });
  return 0;
}
