// A tokenizer.json from a stranger: it is refused with a qkv::Error, or it encodes and decodes without harm.
#include "fuzz/fuzz.h"

namespace qkv {
namespace {

constexpr std::string_view kTexts[] = {"",
                                       " ",
                                       "Hello, world! 1234",
                                       "Größe \u00e9\u0301 \u4f60\u597d \U0001F468\u200d\U0001F469 \u0627\u0644",
                                       "\t\r\n  a  b\xff\xc3(",
                                       "</s><unk>[CLS] [MASK]\u2581x"};

void try_tokenizer(std::string_view json) {
  const Tokenizer tokenizer = TokenizerAccess::from_json(std::string(json), "", "tokenizer.json");
  for (const std::string_view text : kTexts) {
    for (const bool special : {false, true}) expect_valid(tokenizer, tokenizer.encode(text, special));
  }
}

}  // namespace
}  // namespace qkv

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  qkv::refuse_or_run([&] { qkv::try_tokenizer({reinterpret_cast<const char*>(data), size}); });
  return 0;
}
