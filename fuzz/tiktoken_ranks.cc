// A tiktoken rank file from a stranger; the first byte chooses the encoding that it is named after.
#include <iterator>

#include "fuzz/fuzz.h"
#include "text/files/tiktoken_file.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    constexpr const char* kNames[] = {"gpt2.tiktoken",       "p50k_base.tiktoken", "cl100k_base.tiktoken",
                                      "o200k_base.tiktoken", "qwen.tiktoken",      "tokenizer.model"};
    if (input.empty()) return;
    const char* name = kNames[static_cast<unsigned char>(input[0]) % std::size(kNames)];
    qkv::try_tokenizer(qkv::read_tiktoken(input.substr(1), {}, name).json.text());
  });
  return 0;
}
