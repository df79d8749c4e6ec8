// A vocab.json and a merges.txt from a stranger.
#include "fuzz/fuzz.h"
#include "text/files/vocab_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    const std::string_view vocab = qkv::next_part(input);
    qkv::try_tokenizer(qkv::vocab_json_to_json({vocab, "vocab.json"}, {input, "merges.txt"}, {}));
  });
  return 0;
}
