// Marian's vocab.json and source.spm from a stranger.
#include "text/files/marian_files.h"
#include "fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    const std::string_view vocab = qkv::next_part(input);
    qkv::check_marian_target(input, "target.spm");
    qkv::try_tokenizer(qkv::marian_json_of(input, "source.spm", vocab, "vocab.json", {}));
  });
  return 0;
}
