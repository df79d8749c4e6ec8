// A vocab.txt of BERT from a stranger.
#include "fuzz/fuzz.h"
#include "text/files/vocab_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] { qkv::try_tokenizer(qkv::vocab_txt_to_json({input, "vocab.txt"}, {})); });
  return 0;
}
