// The files beside a vocabulary from a stranger: tokenizer_config.json, special_tokens_map.json, added_tokens.json.
#include <filesystem>

#include "base/temporary_directory.h"
#include "fuzz/fuzz.h"
#include "text/files/tokenizer_files.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string_view input(reinterpret_cast<const char*>(data), size);
  qkv::refuse_or_run([&] {
    static const qkv::TemporaryDirectory directory;
    for (const char* name : {"tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"}) {
      const std::string_view part = qkv::next_part(input);
      part.empty() ? void(std::filesystem::remove(directory / name)) : void(directory.write(name, part));
    }
    directory.write("vocab.txt", "[UNK]\n[CLS]\n[SEP]\na\n##b\nhello\n");
    qkv::try_tokenizer(qkv::read_tokenizer_files(directory / "vocab.txt").json.text());
    directory.write("vocab.json", R"({"a": 0, "b": 1, "ab": 2, "<s>": 3, "</s>": 4})");
    directory.write("merges.txt", "a b\n");
    qkv::TokenizerAccess::from_files(qkv::read_tokenizer_files(directory / "vocab.json")).save(directory / "saved");
    directory.write("tokenizer.json",
                    R"({"normalizer": {"type": "BertNormalizer"}, "model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}})");
    qkv::TokenizerAccess::from_files(qkv::read_tokenizer_files(directory / "tokenizer.json")).save(directory / "saved");
  });
  return 0;
}
