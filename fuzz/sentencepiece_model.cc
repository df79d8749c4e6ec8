// A SentencePiece .model from a stranger.
#include "fuzz/fuzz.h"
#include "text/files/sentencepiece_directory.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] { qkv::try_tokenizer(qkv::sentencepiece_json_of(input, {}, "a.model")); });
  return 0;
}
