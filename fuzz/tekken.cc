// A tekken.json from a stranger.
#include "fuzz/fuzz.h"
#include "text/files/tekken_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] { qkv::try_tokenizer(qkv::read_tekken(input, "tekken.json").json.text()); });
  return 0;
}
