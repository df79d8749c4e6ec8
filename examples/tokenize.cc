// tokenize TOKENIZER TEXT: prints the tokens of a text and decodes them again.
#include <cstdio>
#include <string>
#include <vector>

#include <qkv/error.h>
#include <qkv/tokenizer.h>
#include <qkv/version.h>

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fprintf(stderr, "usage: tokenize TOKENIZER TEXT\n");
    return 2;
  }
  try {
    const qkv::Tokenizer tokenizer = qkv::Tokenizer::load(argv[1]);
    const std::vector<int32_t> ids = tokenizer.encode(argv[2]);
    for (int32_t id : ids) std::printf("%d %s\n", id, tokenizer.id_to_token(id).c_str());
    std::printf("qkv " QKV_VERSION ": %s\n", tokenizer.decode(ids).c_str());
    return 0;
  } catch (const qkv::Error& error) {
    std::fprintf(stderr, "error: %s\n", error.what());
    return 1;
  }
}
